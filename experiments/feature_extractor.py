"""The features by which generated examples are compared with real ones.

They are those of the independent classifier of a run (`trained_models`), unless
the config names a function in `evaluation.features`. Distances in the features
of different extractors cannot be compared, so an extractor has a digest.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments import build
from experiments.build import sections
from experiments.load_run import Run
from experiments.trained_models import independent_classifier
from robust_jax import fingerprint, lookup
from robust_jax.models.inference import SplitModel
from robust_jax.models.per_channel import per_channel
from robust_jax.types import Array, Model

_PARTS = ("features_fn", "logits_fn")  # arguments of an evaluator


class Classes(NamedTuple):
  """Classes that examples are counted by.

  Attributes:
    logits_fn: x -> logits `[B, K]`.
    has_other: whether the last class is that of x which are of none.
  """

  logits_fn: Model
  has_other: bool = False


class FeatureExtractor(NamedTuple):
  """An extractor of features, and perhaps classes.

  Attributes:
    name: the features in words, for reports.
    digest: fingerprint of the weights, or of the function.
    features_fn: x `[B, ...]` in [0, 1] -> features `[B, ...]`.
    classes: the classes; None if there are none.
  """

  name: str
  digest: str
  features_fn: Callable[[Array], Array]
  classes: Classes | None


def feature_extractor(
  path: pathlib.Path, config: ConfigDict
) -> FeatureExtractor:
  """Opens the feature extractor of a run.

  Classes are those of the independent classifier, or, of a mixture of
  Gaussians, its modes: points within four standard deviations of a center.
  Features are, in this order, those of the function `evaluation.features`, a
  JAX function named as "package.module:function"; the penultimate features of
  the classifier; x itself.

  Args:
    path: work directory of the run.
    config: its config.

  Raises:
    ValueError: there is no such run or function, or it is for images of another
      size.
  """
  batch, facts = build.describe(config)
  run, split = independent_classifier(path, config), None
  if run is not None:
    stacked = config.data.kind == "stacked"
    split = _split(run, batch["x"].shape[1:], stacked)
  classes = Classes(split) if split is not None else _modes(facts)
  if named := config.evaluation.get("features"):
    function = lookup.import_function(named)
    digest = fingerprint.of_function(function, batch["x"])
    return FeatureExtractor(named, digest, function, classes)
  if run is not None and split is not None:
    name = f"penultimate features of {run.path}, step {run.step}"
    digest = fingerprint.of_arrays(run.variables)
    return FeatureExtractor(name, digest, split.features, classes)
  what = "pixels" if "image_shape" in facts else "coordinates"
  itself = jax.tree_util.Partial(_itself)
  name = f"{what} (no feature extractor)"
  return FeatureExtractor(name, what, itself, classes)


def for_evaluator(
  path: pathlib.Path, config: ConfigDict
) -> FeatureExtractor | None:
  """Opens the extractor if the config's evaluator takes one; None if not."""
  section = config.get("evaluator", {})
  takes = sections.options_of("evaluator", section)
  if not set(_PARTS) <= set(takes):
    return None
  return feature_extractor(path, config)


def facts_of(extractor: FeatureExtractor | None) -> dict[str, object]:
  """Returns the parts of an extractor, as arguments of an evaluator."""
  if extractor is None:
    return {}
  classes = extractor.classes
  logits_fn = None if classes is None else classes.logits_fn
  return {"features_fn": extractor.features_fn, "logits_fn": logits_fn}


def _split(run: Run, shape: tuple[int, ...], stacked: bool) -> SplitModel:
  """The classifier of a run, for images of a shape or for their channels."""
  split = run.split_classifier()
  theirs = tuple(build.describe(run.config)[0]["x"].shape[1:])
  ours = (*shape[:-1], 1) if stacked else tuple(shape)
  if theirs != ours:
    raise ValueError(
      f"the classifier in {run.path} is for images of shape {theirs}, and here "
      f"they are {ours}: expected one of the same size, in "
      "evaluation.independent_classifier."
    )
  return per_channel(split) if stacked else split


def _itself(x: Array) -> Array:
  return x


def _modes(facts: build.Facts) -> Classes | None:
  """The modes of a mixture of Gaussians; None of other data."""
  if "centers" not in facts:
    return None
  centers, radius = jnp.asarray(facts["centers"]), 4 * facts["mode_std"]
  logits_fn = jax.tree_util.Partial(_mode_logits, centers, radius)
  return Classes(logits_fn, has_other=True)


def _mode_logits(centers: Array, radius: float, x: Array) -> Array:
  """Logits of the nearest center, and last of none of them in the radius."""
  squared = jnp.square(x[:, None] - centers).sum(axis=-1)
  outside = jnp.full((len(x), 1), radius**2)
  return -jnp.concatenate([squared, outside], axis=1)
