"""Check of the step budget: can an attack reach the far side of its set?"""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from robust_jax import lookup
from robust_jax.gradient_masking._verdicts import Finding
from robust_jax.search.steps import default_step_size


def budget(searches: Mapping[str, Mapping[str, Any]]) -> Finding:
  """Checks that the steps of every search are long enough to cross the set.

  This takes two radii in all from a random start, and one from the clean image.

  Args:
    searches: title of an attack -> its search as in a config: `name`, and the
      options that differ from the defaults. A search without a fixed step size
      passes.
  """
  radii = {title: _radii(dict(search)) for title, search in searches.items()}
  measured = {f"radii of {title}": gone for title, (gone, _) in radii.items()}
  short = [
    f"{title} moves {gone:g} radii in all and may need {needed}"
    for title, (gone, needed) in radii.items()
    if gone < needed
  ]
  if not short:
    sentence = "The steps of every attack reach the far side of the set."
    return Finding("budget", "ok", measured, sentence)
  return Finding(
    "budget",
    "fail",
    measured,
    f"{'; '.join(short)}: step_size times num_steps is too small to cross the "
    "set, and accuracy under such an attack is over-stated. Leave step_size "
    "out, or raise it.",
  )


def _radii(search: dict[str, Any]) -> tuple[float, int]:
  """Number of radii that a search can move, and that it may need to move."""
  find = lookup.find("search", search.pop("name"))
  parameters = inspect.signature(find).parameters.values()
  options = {p.name: p.default for p in parameters} | search
  needed = 2 if options.get("random_start") else 1
  if "step_size" not in options:
    return float(needed), needed
  num_steps = options.get("num_steps", 1)
  size = options["step_size"]
  size = default_step_size(num_steps) if size is None else np.min(size)
  return float(size * num_steps), needed
