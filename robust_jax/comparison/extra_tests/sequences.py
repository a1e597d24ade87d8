"""Perturbation sequences: stability of predictions under gradual changes."""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import rich.table

from robust_jax import lookup
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.extra_tests._sequence_results import sequence_results
from robust_jax.comparison.extra_tests.base import Context, Dependency
from robust_jax.comparison.extra_tests.table import results_table
from robust_jax.comparison.load_examples import Group
from robust_jax.comparison.sequence_predictions import (
  sequence_frames,
)
from robust_jax.corruptions.sequences.suites import IMAGENET_P, NOISE
from robust_jax.statistics.prediction_stability import flip_probability

_HOME = "corruptions.sequences"
_SUITES = {"imagenet_p": IMAGENET_P}


class Sequences:
  """Flip probabilities along sequences of the compared images; an `ExtraTest`.

  Attributes:
    name: name of the test.
    empty: value where the test is not requested.
    names: names of the sequences, each once.

  Example:
    >>> from robust_jax.comparison.extra_tests import Sequences
    >>> len(Sequences(["imagenet_p", "translate"]).names)
    10
  """

  name = "sequences"
  empty = None

  def __init__(self, names: Sequence[str]):
    """Looks up the sequences.

    Args:
      names: members of `robust_jax.corruptions.sequences`, or "imagenet_p" for
        its ten sequences.

    Raises:
      ValueError: there is no such sequence.
    """
    each = [_SUITES.get(name, (name,)) for name in names]
    self.names = tuple(dict.fromkeys(itertools.chain(*each)))
    for name in self.names:
      lookup.find(_HOME, name)

  def start(self, context: Context) -> "_Run":
    """Starts a run.

    Raises:
      ValueError: a model has stored outputs only.
    """
    context.require_models("frames of sequences")
    return _Run(self.names, context)

  def table(self, found: Mapping[str, Any]) -> rich.table.Table:
    """Returns a row per sequence and a column per model."""
    models = found["models"].values()
    rows = [
      (name, [one["sequences"][name] for one in models])
      for name in found["sequences"]
    ]
    rates = [one["mfr"] for one in models]
    rows += [
      ("mean", [one["mean"] for one in models]),
      ("mFR", ["-" if rate is None else f"{rate:.1f} %" for rate in rates]),
    ]
    caption = f"% of frames that flip; mFR is relative to {found['baseline']}."
    return results_table("Sequences", caption, list(found["models"]), rows)


class _Run:
  """One step per sequence and shape of images, each with its own frames."""

  dependencies: Sequence[Dependency] = ()

  def __init__(self, names: Sequence[str], context: Context):
    self._names, self._context = names, context
    self._groups = {
      _step(name, group): (name, group)
      for name in names
      for group in context.examples.groups
    }
    self.steps: Sequence[str] = list(self._groups)

  def is_done(self, step: str) -> bool:
    return not self._context.missing(step)

  def run(self, step: str, interrupted: Callable[[], bool]) -> bool:
    views = _views(*self._groups[step], self._context.seed)
    return self._context.predict(step, views, interrupted)

  def report(self) -> dict[str, Any]:
    context = self._context
    flips = {model: self._flips(model) for model in context.stores}
    found = sequence_results(
      flips, context.baseline, context.level, context.seed
    )
    for model, result in found["models"].items():
      result["missing"] = self._missing(model)
    return {
      "images": len(context.examples.ids),
      "frames": self._frames(),
      "sequences": list(self._names),
      **found,
    }

  def _flips(self, model: str) -> dict[str, np.ndarray]:
    """Returns sequence -> fraction of frames that flip, `[N]`."""
    store = self._context.stores[model]
    found = {
      name: np.empty(len(self._context.examples.ids)) for name in self._names
    }
    for step, (name, group) in self._groups.items():
      classes = store.get(step).classes.reshape(len(group.rows), -1)
      found[name][group.rows] = flip_probability(classes, noise=name in NOISE)
    return found

  def _frames(self) -> int:
    store = next(iter(self._context.stores.values()))
    return sum(len(store.get(step).classes) for step in self.steps)

  def _missing(self, model: str) -> int:
    store = self._context.stores[model]
    return sum(store.get(step).missing for step in self.steps)


def _views(name: str, group: Group, seed: int):
  """Yields frames of a few images at a time, and the row of each frame."""
  done = 0
  for frames in sequence_frames(group.inputs, name, group.numbers, seed):
    some = group.rows[done : done + len(frames)]
    yield (
      np.repeat(some, frames.shape[1]),
      frames.reshape(-1, *frames.shape[2:]),
    )
    done += len(frames)


def _step(name: str, group: Group) -> str:
  shape = "x".join(map(str, group.inputs.shape[1:]))
  return f"sequences/{name}/{shape}/{_version()}"


@functools.cache
def _version() -> str:
  """Hashes all code that makes frames."""
  return code_hash(
    "robust_jax.comparison.sequence_predictions",
    f"robust_jax.{_HOME}",
  )
