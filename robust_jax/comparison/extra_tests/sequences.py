"""Images that change little by little: does the answer hold?"""

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
from robust_jax.comparison.extra_tests.table import section_table
from robust_jax.comparison.load_images import Group
from robust_jax.comparison.sequence_predictions import (
  sequence_frames,
)
from robust_jax.corruptions.sequences.suites import IMAGENET_P, NOISE
from robust_jax.statistics.prediction_stability import flip_probability

_HOME = "corruptions.sequences"
_SUITES = {"imagenet_p": IMAGENET_P}


class Sequences:
  """Flip probabilities along sequences of the compared images; a `Section`.

  Attributes:
    name: of the section.
    nothing: where nobody asks for it.
    names: of sequences, each once.
  """

  name = "sequences"
  nothing = None

  def __init__(self, names: Sequence[str]):
    """Notes which.

    Args:
      names: members of `robust_jax.corruptions.sequences`, or "imagenet_p" for
        its ten.

    Raises:
      ValueError: there is no such sequence.
    """
    each = [_SUITES.get(name, (name,)) for name in names]
    self.names = tuple(dict.fromkeys(itertools.chain(*each)))
    for name in self.names:
      lookup.find(_HOME, name)

  def start(self, setting: Context) -> "_Asking":
    """Reads nothing more.

    Raises:
      ValueError: a model that is not here to be asked.
    """
    setting.need_models("frames of sequences")
    return _Asking(self.names, setting)

  def table(self, found: Mapping[str, Any]) -> rich.table.Table:
    """Models beside each other, a row per sequence."""
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
    return section_table("Sequences", caption, list(found["models"]), rows)


class _Asking:
  """A step per sequence and shape of images: each has frames of its own."""

  dependencies: Sequence[Dependency] = ()

  def __init__(self, names: Sequence[str], setting: Context):
    self._names, self._setting = names, setting
    self._groups = {
      _step(name, group): (name, group)
      for name in names
      for group in setting.images.groups
    }
    self.steps = list(self._groups)

  def answered(self, step: str) -> bool:
    return not self._setting.missing(step)

  def ask(self, step: str, interrupted: Callable[[], bool]) -> bool:
    views = _views(*self._groups[step], self._setting.seed)
    return self._setting.ask(step, views, interrupted)

  def report(self) -> dict[str, Any]:
    setting = self._setting
    flips = {model: self._flips(model) for model in setting.kept}
    found = sequence_results(
      flips, setting.baseline, setting.level, setting.seed
    )
    for model, result in found["models"].items():
      result["missing"] = self._missing(model)
    return {
      "images": len(setting.images.ids),
      "frames": self._frames(),
      "sequences": list(self._names),
      **found,
    }

  def _flips(self, model: str) -> dict[str, np.ndarray]:
    """Sequence -> the fraction of frames that flip, `[N]`."""
    kept = self._setting.kept[model]
    found = {
      name: np.empty(len(self._setting.images.ids)) for name in self._names
    }
    for step, (name, group) in self._groups.items():
      classes = kept.read(step).classes.reshape(len(group.rows), -1)
      found[name][group.rows] = flip_probability(classes, noise=name in NOISE)
    return found

  def _frames(self) -> int:
    kept = next(iter(self._setting.kept.values()))
    return sum(len(kept.read(step).classes) for step in self.steps)

  def _missing(self, model: str) -> int:
    kept = self._setting.kept[model]
    return sum(kept.read(step).missing for step in self.steps)


def _views(name: str, group: Group, seed: int):
  """Frames of a few images at a time, and which image each is of."""
  done = 0
  for frames in sequence_frames(group.pixels, name, group.numbers, seed):
    some = group.rows[done : done + len(frames)]
    yield (
      np.repeat(some, frames.shape[1]),
      frames.reshape(-1, *frames.shape[2:]),
    )
    done += len(frames)


def _step(name: str, group: Group) -> str:
  shape = "x".join(map(str, group.pixels.shape[1:]))
  return f"sequences/{name}/{shape}/{_version()}"


@functools.cache
def _version() -> str:
  """Of all code that makes frames."""
  return code_hash(
    "robust_jax.comparison.sequence_predictions",
    f"robust_jax.{_HOME}",
  )
