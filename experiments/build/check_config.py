"""Checks of a config's values."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from robust_jax import checks, precision

_SECTIONS = ("data", "task", "training", "evaluation")


def check_config(config: ConfigDict) -> None:
  """Refuses invalid values that would be noticed late, or never.

  Options of attacks, sets, tasks and optimizers are checked when these are
  built; all other fields are checked here.

  Raises:
    ValueError: a section is missing, or a value is invalid; the message names
      the field.
  """
  for name in _SECTIONS:
    if not isinstance(config.get(name), ConfigDict):
      raise ValueError(
        f"config.{name} = {config.get(name)}: expected a section, as every "
        "config in experiments/configs has."
      )
  for name, value in _leaves(config.to_dict(), "config"):
    checks.plain_value(name, value)
  checks.non_negative("config.seed", config.get("seed"))
  precision.compute_dtype(config.get("precision", "float32"))
  for name in ("training", "evaluation"):
    batch_size = config[name].get("batch_size")
    checks.at_least_one(f"config.{name}.batch_size", batch_size)
  for name, radius in _radii(config.evaluation):
    if not isinstance(radius, int | float) or not 0 <= radius < math.inf:
      raise ValueError(
        f"config.evaluation.{name} has {radius!r}: expected numbers, 0 or "
        "more, as in --config.evaluation.radii='(0.0, 0.1)', or () for none."
      )


def _leaves(tree: Any, name: str) -> Iterator[tuple[str, Any]]:
  if isinstance(tree, Mapping):
    for key, part in tree.items():
      yield from _leaves(part, f"{name}.{key}")
  elif isinstance(tree, list | tuple):
    for part in tree:
      yield from _leaves(part, name)
  else:
    yield name, tree


def _radii(evaluation: ConfigDict) -> Iterator[tuple[str, Any]]:
  if "radii" in evaluation:
    radii = evaluation.radii
    for radius in radii if isinstance(radii, list | tuple) else [radii]:
      yield "radii", radius
  if "autoattack" in evaluation:
    yield "autoattack.eps", evaluation.autoattack.get("eps")
