"""Summaries of runs from their files, without their data and models."""

import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments import workdir
from experiments.build.loop_config import monitor
from experiments.cli import output
from robust_jax.training import log
from robust_jax.training.monitor import Monitor
from robust_jax.training.result import read_failure, read_result

_ENDED = ("finished", "stopped early")
# Of reading values of another form than expected.
_DAMAGES = (ValueError, TypeError, AttributeError, ArithmeticError, OSError)
_STALE = 3600.0  # seconds without a record


class RunSummary(NamedTuple):
  """Summary of a run.

  Attributes:
    path: work directory of the run.
    status: "finished"; "stopped early", see `EarlyStopping`; "running", as
      another program has locked the folder; "stale", as "running" but without a
      record for an hour; "failed"; "interrupted" or killed, to be resumed; or
      "damaged", if the files cannot be read.
    note: the error of a run that failed or is damaged.
    step: number of completed steps.
    num_steps: length of the run; None as long as the log does not tell how many
      steps an epoch has.
    monitored: name of the metric that ranks checkpoints.
    best: validation metrics of the best checkpoint; empty if there is none.
    seconds: seconds of all steps, without compilation and evaluations.
    age: seconds since something was written.
    config: config of the run; None if it cannot be read.
  """

  path: pathlib.Path
  status: str
  note: str = ""
  step: int = 0
  num_steps: int | None = None
  monitored: str = ""
  best: Mapping[str, float] = {}
  seconds: float = 0.0
  age: float = 0.0
  config: ConfigDict | None = None

  @property
  def ended(self) -> bool:
    """True if the run ended by itself, so that its best checkpoint stands."""
    return self.status in _ENDED


def summarize(path: pathlib.Path) -> RunSummary:
  """Reads what the files of a run tell; no name in its config is looked up.

  Args:
    path: work directory of the run, which may be going on.
  """
  try:
    return _summarize(path)
  except _DAMAGES as error:
    return RunSummary(
      path, "damaged", str(error).splitlines()[0], age=_age(path)
    )


def _summarize(path: pathlib.Path) -> RunSummary:
  config = workdir.read_values(path)
  training, records = config.training, log.read(path)
  ranked_by, age = monitor(training), _age(path)
  result, failure = read_result(path), read_failure(path)
  step = max((record["step"] for record in records), default=0)
  if result is not None:
    status, step = result.status.replace("_", " "), result.step
  elif output.is_locked(path):
    status = "stale" if age > _STALE else "running"
  else:
    status = "failed" if failure else "interrupted"
  return RunSummary(
    path=path,
    status=status,
    note=failure or "" if status == "failed" else "",
    step=step,
    num_steps=_num_steps(training, records),
    monitored=ranked_by.metric,
    best=_best(records, ranked_by, result and result.best_step),
    seconds=log.training_seconds(records, training.batch_size),
    age=age,
    config=config,
  )


def _best(
  records: Sequence[Mapping[str, Any]], ranked_by: Monitor, step: int | None
) -> dict[str, float]:
  """The validation metrics at a step, or at the best one so far."""
  found = {r["step"]: r for r in records if r["split"] == "validation"}
  rank = lambda step: (ranked_by.score(found[step]), step)
  if step is None:
    step = max(found, key=rank, default=None)
  record = found.get(step, {})
  known = ("split", "step", "epoch")
  return {name: value for name, value in record.items() if name not in known}


def _num_steps(
  training: ConfigDict, records: Sequence[Mapping[str, Any]]
) -> int | None:
  if "num_steps" in training:
    return training.num_steps
  last = records[-1] if records else {}
  if not last.get("epoch"):
    return None
  return max(1, round(training.num_epochs * last["step"] / last["epoch"]))


def _age(path: pathlib.Path) -> float:
  files = [path, path / "config.json", path / "metrics.jsonl"]
  times = [file.stat().st_mtime for file in files if file.exists()]
  return max(0.0, time.time() - max(times, default=time.time()))
