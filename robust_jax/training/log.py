"""Where numbers go: metrics.jsonl, TensorBoard, and the terminal."""

import json
import pathlib
from collections.abc import Mapping

import tensorboardX

from robust_jax import parallel
from robust_jax.files import atomic_write, naming


class Log:
  """Writes records of one run; in every process but the lead it does nothing.

  Args:
    workdir: holds `metrics.jsonl` and `tensorboard/`.
    start: the step the run goes on from; later records, which a killed run
      left behind its last checkpoint, are taken out, as they come again.
  """

  def __init__(self, workdir: pathlib.Path, start: int):
    self._file = None
    if not parallel.is_lead():
      return
    self._path = workdir / "metrics.jsonl"
    _keep_until(self._path, start)
    self._file = self._path.open("a", encoding="utf-8")
    self._board = tensorboardX.SummaryWriter(
      str(workdir / "tensorboard"), purge_step=start + 1 if start else None
    )

  def write(
    self, split: str, step: int, epoch: float, values: Mapping[str, float]
  ) -> None:
    """One line of JSON: split, step, epoch and the values.

    Raises:
      OSError: it cannot be written.
    """
    if self._file is None:
      return
    record = {"split": split, "step": step, "epoch": round(epoch, 4), **values}
    with naming(self._path):
      self._file.write(json.dumps(record) + "\n")
      self._file.flush()
    for name, value in values.items():
      self._board.add_scalar(f"{split}/{name}", value, step)

  def close(self) -> None:
    """Flushes and closes both."""
    if self._file is not None:
      with naming(self._path.parent):
        self._file.close()
        self._board.close()


def read(workdir: pathlib.Path) -> list[dict[str, float | str]]:
  """The records of `metrics.jsonl`, in order, up to the first damaged line."""
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


def _keep_until(path: pathlib.Path, step: int) -> None:
  kept = [r for r in read(path.parent) if r["step"] <= step]
  with atomic_write(path) as new:
    new.write_text(
      "".join(json.dumps(r) + "\n" for r in kept), encoding="utf-8"
    )
