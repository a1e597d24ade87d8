"""Training of all runs of a sweep, one after the other."""

import pathlib
import sys
import time
from collections.abc import Sequence

from ml_collections import ConfigDict

from experiments import workdir
from experiments.cli.run_command import INTERRUPTED, told
from experiments.sweeps.combinations import Combination, runs_of
from experiments.sweeps.tables import collect
from experiments.train import check, train
from robust_jax import parallel
from robust_jax.training.result import read_result


def refuse_errors(
  swept: Sequence[Combination], seeds: Sequence[int], out: pathlib.Path
) -> None:
  """Refuses what would fail before the first step of any run.

  Args:
    swept: the combinations.
    seeds: the seeds.
    out: folder of the sweep.

  Raises:
    ValueError: an option of a combination is invalid, data are missing, or a
      folder holds another run.
  """
  new = set()
  for row, config, path in runs_of(swept, seeds, out):
    if (path / "config.json").exists():
      workdir.refuse_another(path, config)
    else:
      new.add(row["combination"])
  for one in swept:
    if one.name in new:
      try:
        check(one.config)
      except ValueError as error:
        raise ValueError(f"{one.name}: {error}") from error


def run(
  swept: Sequence[Combination],
  seeds: Sequence[int],
  out: pathlib.Path,
  deadline: float,
) -> int:
  """Trains all runs that have not ended; the tables are written after each.

  A run that fails does not keep the others from being trained.

  Args:
    swept: the combinations.
    seeds: the seeds; all combinations are trained from one before the next.
    out: folder of the sweep.
    deadline: see `training.loop.train`.

  Returns:
    The exit status: 0, or that of an interruption.

  Raises:
    ValueError: runs failed.
  """
  failures: dict[pathlib.Path, str] = {}
  for row, config, path in runs_of(swept, seeds, out):
    status = "failed"
    try:
      if _is_done(config, path):
        continue
      if time.monotonic() >= deadline:
        return INTERRUPTED
      title = f"{row['combination']} {row['seed']}"
      status = train(config, path, title, deadline).status
    except Exception as error:
      if parallel.num_processes() > 1:  # which would wait for this one
        raise
      failures[path] = told(error)
      print(f"{path} failed: {failures[path]}", file=sys.stderr)
    if parallel.is_lead():
      collect(out, failures)
    if status == "interrupted":
      return INTERRUPTED
  if failures:
    path, reason = next(iter(failures.items()))
    raise ValueError(
      f"{len(failures)} of the runs failed, such as {path}: {reason} The same "
      "command tries them again."
    )
  return 0


def _is_done(config: ConfigDict, path: pathlib.Path) -> bool:
  """Returns whether a run has ended, and has its report if it makes one."""
  result = read_result(path)
  if result is None or result.status != "finished":
    return result is not None
  return "report" not in config or (path / "report.json").exists()
