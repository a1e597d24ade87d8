"""Features and classes of real and generated examples, on the host."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from experiments import build
from experiments.feature_extractor import FeatureExtractor
from experiments.load_run import Run
from robust_jax import checks, fingerprint, saved_state
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.data.dataset import Dataset, spec_of_batch
from robust_jax.models.inference import Generator
from robust_jax.training.progress import Progress
from robust_jax.types import Array

_AT_ONCE = 1024  # examples between two updates of the progress bar
_GENERATED = 256  # examples that are generated together


class Sample(NamedTuple):
  """Examples, and what the extractor makes of them.

  Attributes:
    stored: examples `[N, ...]` as a dataset stores them: images are uint8.
    features: their features `[N, D]`.
    classes: their predicted classes `[N]`; -1 without a classifier.
  """

  stored: np.ndarray
  features: np.ndarray
  classes: np.ndarray

  def spread(self, size: int) -> "Sample":
    """Returns `size` of the examples, evenly spread."""
    rows = np.linspace(0, len(self.stored) - 1, size).astype(int)
    return Sample(*(values[rows] for values in self))


class Samples(NamedTuple):
  """N generated, N test, and all training examples, and the number of classes.

  Without classes their number is 0.
  """

  generated: Sample
  test: Sample
  train: Sample
  num_classes: int


def load_samples(
  run: Run,
  extractor: FeatureExtractor,
  config: ConfigDict,
  num_examples: int | None,
) -> Samples:
  """Reads and generates examples, and extracts their features.

  Args:
    run: the run of the generator.
    extractor: the extractor.
    config: config of the data. Features of real examples are kept in the file
      `evaluation.reference_features`, if it names one.
    num_examples: N, at most; None for `evaluation.num_samples`.

  Raises:
    ValueError: the run deploys no generator, or the file has features of
      another extractor or of other examples.
  """
  generator = run.generator()
  train, test = (build.dataset(config, split) for split in ("train", "test"))
  most = num_examples or config.evaluation.num_samples
  checks.at_least_one("config.evaluation.num_samples", most)
  size = min(most, len(train), len(test))
  x = _generate(generator, size)
  if test.spec["x"].dtype == np.uint8:
    x = np.round(255 * x).astype(np.uint8)
  rows = np.linspace(0, len(test) - 1, size).astype(int)
  real = {
    "test": test.read(rows)["x"],
    "train": train.read(np.arange(len(train)))["x"],
  }
  extract = _extraction(extractor, test)
  return Samples(
    extract("generated", x),
    **_of_real(extract, real, extractor, config.evaluation),
    num_classes=_num_classes(extractor, test),
  )


def _generate(generator: Generator, size: int) -> np.ndarray:
  """Generates x `[N, ...]`, each a function of its place alone."""
  sample = jax.jit(lambda generator, key: generator.sample(key, _GENERATED))
  batches: list[np.ndarray] = []
  with Progress("samples", size) as bar:
    for start in range(0, size, _GENERATED):
      key = jax.random.fold_in(jax.random.key(0), start)
      batches.append(np.asarray(sample(generator, key)))
      bar.update(min(size, start + _GENERATED))
  return np.concatenate(batches)[:size]


def _num_classes(extractor: FeatureExtractor, dataset: Dataset) -> int:
  if extractor.classes is None:
    return 0
  x = spec_of_batch(dataset)["x"]
  return jax.eval_shape(extractor.classes.logits_fn, x).shape[-1]


def _of_real(
  extract: Callable[[str, np.ndarray], Sample],
  real: dict[str, np.ndarray],
  extractor: FeatureExtractor,
  evaluation: ConfigDict,
) -> dict[str, Sample]:
  """The samples of real examples, kept in the file that the config names."""
  named = evaluation.get("reference_features")
  if not named:
    return {name: extract(name, x) for name, x in real.items()}
  file = pathlib.Path(named)
  question = {"the feature extractor": extractor.digest}
  for name, x in real.items():
    question[f"the {name} examples"] = fingerprint.of_arrays(x)
  kept = saved_state.restore(file, question)
  if kept is None:
    samples = {name: extract(name, x) for name, x in real.items()}
    kept = {
      f"{name}_{field}": getattr(sample, field)
      for name, sample in samples.items()
      for field in ("features", "classes")
    }
    saved_state.save(file, question, kept)
  return {
    name: Sample(x, kept[f"{name}_features"], kept[f"{name}_classes"])
    for name, x in real.items()
  }


def _extraction(
  extractor: FeatureExtractor, dataset: Dataset
) -> Callable[[str, np.ndarray], Sample]:
  """Makes the function (title, stored examples) -> Sample."""

  def decode(x: Array) -> Array:
    return dataset.decode({"x": x})["x"]

  def features(x: Array) -> Array:
    return extractor.features_fn(decode(x)).reshape(len(x), -1)

  def classes(x: Array) -> Array:
    if extractor.classes is None:
      return jnp.full(len(x), -1)
    return extractor.classes.logits_fn(decode(x)).argmax(axis=-1)

  functions = [as_numpy_fn(features), as_numpy_fn(classes)]

  def extract(title: str, stored: np.ndarray) -> Sample:
    parts: list[list[np.ndarray]] = [[], []]
    with Progress(f"features, {title}", len(stored)) as bar:
      for start in range(0, len(stored), _AT_ONCE):
        piece = stored[start : start + _AT_ONCE]
        for found, function in zip(parts, functions, strict=True):
          found.append(function(piece))
        bar.update(start + len(piece))
    found_features, found_classes = map(np.concatenate, parts)
    return Sample(stored, found_features, found_classes.astype(int))

  return extract
