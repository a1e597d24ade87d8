"""Training of one of the runs of a study."""

import pathlib
import time
from typing import Any

from ml_collections import ConfigDict

from experiments import workdir
from experiments.train import train
from robust_jax.training.result import read_result

ENDED = ("finished", "stopped_early")
"""Statuses of runs whose best checkpoint can be measured."""


def train_run(
  config: ConfigDict, path: pathlib.Path, deadline: float
) -> dict[str, Any]:
  """Trains a run of a study, unless it is trained already.

  Of a run that has ended only the config is read again, not the data, unless a
  report is to be made of it.

  Args:
    config: config of the run.
    path: folder of the run, as `runs_over_seeds` yields it.
    deadline: time, on the clock of `time.monotonic`, at which training is
      interrupted, and after which none is begun.

  Returns:
    Its "status" and "step". The status is that of `TrainResult`; or, without a
    step, "not started" or "diverged". Of the latter a loss became infinite or
    undefined, which is printed and not raised, so that a study goes on.
  """
  result = read_result(path)
  if result is None and time.monotonic() >= deadline:
    return {"status": "not started"}
  if result and result.status in ENDED and "report" not in config:
    workdir.refuse_another(path, config)
    return {"status": result.status, "step": result.step}
  title = f"{path.parent.name} {path.name} "
  try:
    result = train(config, path, title, deadline)
  except FloatingPointError as error:
    print(f"{title}: {error}")
    return {"status": "diverged"}
  return {"status": result.status, "step": result.step}
