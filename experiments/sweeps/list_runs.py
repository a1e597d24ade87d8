"""The runs below a folder, a line for each."""

import os
import pathlib
import re
from collections.abc import Iterator, Sequence

from ml_collections import ConfigDict

from experiments import workdir
from experiments.sweeps.run_summary import RunSummary, summarize

_HEADINGS = ("status", "step", "best", "age", "run")
# Folders in a run, in which there are no others.
_CLOSED = re.compile(r"checkpoints|tensorboard|wandb|unreadable_checkpoint_\d+")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def list_runs(
  folder: pathlib.Path, differs_from: pathlib.Path | None = None
) -> None:
  """Prints the runs below a folder: status, step, best metric, age and path.

  Runs that cannot be read are listed with the reason, as are those that failed.

  Args:
    folder: the folder.
    differs_from: a run; below each of the others stand the fields of the config
      in which it differs from that run.

  Raises:
    ValueError: there is no run below the folder, or `differs_from` is none.
  """
  config = differs_from and workdir.read_values(differs_from)
  runs = [summarize(path) for path in find_runs(folder)]
  if not runs:
    raise ValueError(
      f"there is no run in {folder} or below: expected a folder such as runs."
    )
  rows = [_HEADINGS, *map(_row, runs)]
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  for row, run in zip(rows, [None, *runs], strict=True):
    cells = [cell.ljust(n) for cell, n in zip(row, widths, strict=True)]
    print("  ".join(cells).rstrip())
    if run is not None:
      for line in _below(run, config):
        print(f"    {line}")


def find_runs(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields the work directories in a folder and below, in order of their paths.

  Those in other runs, such as that of a control, are among them, and folders of
  evaluated weights, in which nothing was trained, are not.
  """
  for path, folders, files in os.walk(folder):
    if "config.json" in files and "origin.json" in files:
      yield pathlib.Path(path)
    folders[:] = sorted(
      (name for name in folders if not _CLOSED.fullmatch(name)), key=natural
    )


def natural(name: str) -> list[str | float]:
  """A key by which names are sorted, numbers in them by their value.

  Example:
    >>> from experiments.sweeps.list_runs import natural
    >>> sorted(["eps=10", "eps=9.5"], key=natural)
    ['eps=9.5', 'eps=10']
  """
  parts = re.split(r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)", name)
  return [float(p) if i % 2 else p for i, p in enumerate(parts)]


def _row(run: RunSummary) -> Sequence[str]:
  if run.config is None:
    return run.status, "", "", _duration(run.age), str(run.path)
  length = "?" if run.num_steps is None else run.num_steps
  best = run.best.get(run.monitored)
  metric = "" if best is None else f"{run.monitored} {best:.4g}"
  step = f"{run.step} of {length}"
  return run.status, step, metric, _duration(run.age), str(run.path)


def _below(run: RunSummary, config: ConfigDict | None) -> Iterator[str]:
  if run.note:
    yield run.note
  if config is not None and run.config is not None:
    differing = workdir.differences(config, run.config)
    for name, (there, here) in differing.items():
      yield f"config.{name}: {there} there, {here} here"


def _duration(seconds: float) -> str:
  for unit, length in _UNITS:
    if seconds >= length:
      return f"{seconds // length:.0f} {unit}"
  return "0 s"
