"""The log of a run: metrics.jsonl, TensorBoard events, Weights & Biases."""

import json
import math
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import tensorboardX

from robust_jax import parallel
from robust_jax.files import atomic_write, naming
from robust_jax.training.wandb_run import open_wandb_run


class Log:
  """Writes the log of a run, in the lead process only.

  Args:
    workdir: the folder of `metrics.jsonl` and `tensorboard/`.
    start: the step at which the run starts or resumes. Records of later steps,
      written by a killed run after its last checkpoint, are removed, because
      these steps are run again.

  Raises:
    ValueError: see `open_wandb_run`.
  """

  def __init__(self, workdir: pathlib.Path, start: int):
    self._file = None
    if not parallel.is_lead():
      return
    self._wandb = open_wandb_run(workdir)
    self._path = workdir / "metrics.jsonl"
    _keep_until(self._path, start)
    self._file = self._path.open("a", encoding="utf-8")
    self._board = tensorboardX.SummaryWriter(
      str(workdir / "tensorboard"), purge_step=start + 1 if start else None
    )

  def write(
    self, split: str, step: int, epoch: float, values: Mapping[str, float]
  ) -> None:
    """Appends one record, a line of JSON: split, step, epoch and the values.

    Args:
      split: "train" or "validation".
      step: number of completed steps.
      epoch: the same in epochs.
      values: metrics by name.

    Raises:
      OSError: the file cannot be written.
    """
    if self._file is None:
      return
    record = {"split": split, "step": step, "epoch": round(epoch, 4), **values}
    with naming(self._path):
      self._file.write(json.dumps(record) + "\n")
      self._file.flush()
    for name, value in values.items():
      self._board.add_scalar(f"{split}/{name}", value, step)
    if self._wandb is not None:
      named = {f"{split}/{name}": value for name, value in values.items()}
      self._wandb.log({"step": step, "epoch": record["epoch"], **named})

  def close(self) -> None:
    """Flushes and closes the files."""
    if self._file is not None:
      with naming(self._path.parent):
        self._file.close()
        self._board.close()
      if self._wandb is not None:
        self._wandb.finish()


def read(workdir: pathlib.Path) -> list[dict[str, Any]]:
  """Reads the records of `metrics.jsonl` up to the first damaged line.

  Args:
    workdir: the folder of the run.

  Returns:
    The records in order; [] if there is no file.
  """
  path = workdir / "metrics.jsonl"
  if not path.exists():
    return []
  records = []
  for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
    try:
      record = json.loads(line)
    except json.JSONDecodeError:
      break
    if not isinstance(record, dict) or not record.keys() >= {"split", "step"}:
      break
    records.append(record)
  return records


def training_seconds(
  records: Iterable[Mapping[str, Any]], batch_size: int
) -> float:
  """Adds the seconds of all steps, without compilation and evaluations.

  Args:
    records: records of the log, in order.
    batch_size: examples of a step.

  Example:
    >>> from robust_jax.training.log import training_seconds
    >>> record = {"split": "train", "step": 20, "examples_per_second": 640.0}
    >>> training_seconds([record], batch_size=64)
    2.0
  """
  total, before = 0.0, 0
  for record in records:
    if record["split"] == "train":
      rows = (record["step"] - before) * batch_size
      total += rows / record.get("examples_per_second", math.inf)
      before = record["step"]
  return total


def _keep_until(path: pathlib.Path, step: int) -> None:
  kept = [r for r in read(path.parent) if r["step"] <= step]
  with atomic_write(path) as new:
    new.write_text(
      "".join(json.dumps(r) + "\n" for r in kept), encoding="utf-8"
    )
