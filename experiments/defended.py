"""The model of a run behind the defense that a config names."""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from experiments.build import sections
from experiments.load_run import load_run
from robust_jax.types import Model


def defended(
  model: Model, section: Mapping[str, Any], allow_imports: Iterable[str] = ()
) -> Model:
  """The model behind a defense, to be evaluated and attacked as one model.

  Args:
    model: a frozen classifier.
    section: as `sections.defense` takes it, such as
      `{"name": "bit_depth", "bits": 3}`, or `{"name": "ensemble", "runs":
      ("runs/b",)}`, whose models stand beside `model`.
    allow_imports: as `load_run` takes it.

  Raises:
    ValueError: there is no such defense, it has no such options, or there is
      no classifier in one of the runs.
  """
  wrap = sections.defense(section)
  if "runs" not in section:
    return wrap(model)
  others = (
    load_run(pathlib.Path(path), "best", allow_imports).classifier()
    for path in section["runs"]
  )
  return wrap([model, *others])
