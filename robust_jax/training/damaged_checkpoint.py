"""Detection of damaged checkpoints, which are moved out of the way."""

import contextlib
import logging
import pathlib
from collections.abc import Iterator

from robust_jax import parallel
from robust_jax.files import read_json


class DamagedError(Exception):
  """A checkpoint that cannot be read."""


@contextlib.contextmanager
def reading() -> Iterator[None]:
  """Raises errors of Orbax and TensorStore inside as a `DamagedError`.

  For a damaged file they raise whatever their innermost reader raised, which no
  narrower class than Exception covers.
  """
  try:
    yield
  except Exception as error:
    raise DamagedError(reason_of(error)) from error


def reason_of(error: Exception) -> str:
  """Describes the error in one line."""
  first = (str(error).splitlines() or [""])[0]
  return f"{type(error).__name__}: {first[:200]}"


def set_aside(directory: pathlib.Path, step: int, reason: str) -> None:
  """Moves a damaged checkpoint to the run's work directory, with a warning.

  Args:
    directory: the folder of the run's checkpoints.
    step: the step of the damaged one.
    reason: the reason, in one line.

  Raises:
    ValueError: it cannot be moved.
  """
  damaged = directory / str(step)
  aside = _free(directory.parent / f"unreadable_checkpoint_{step}")
  left = sorted(s for s in _steps(directory) if s != step)
  logging.getLogger(__name__).warning(
    "checkpoint %s cannot be read (%s): it is moved to %s. Checkpoints left: "
    "steps %s.",
    damaged,
    reason,
    aside,
    ", ".join(map(str, left)) or "none",
  )
  if parallel.is_lead():
    try:
      damaged.rename(aside)
    except OSError as error:
      raise ValueError(
        f"checkpoint {damaged} cannot be read ({reason}), nor moved out of "
        f"the way ({error.strerror}): move it yourself."
      ) from error


def steps_of_damaged_metrics(directory: pathlib.Path) -> list[int]:
  """Lists the steps whose metrics are damaged, the newest first.

  Orbax reads all metrics when it opens a folder, and fails on a damaged file.
  """
  found = (s for s in _steps(directory) if _damaged_metrics(directory / str(s)))
  return sorted(found, reverse=True)


def _damaged_metrics(checkpoint: pathlib.Path) -> bool:
  path = checkpoint / "metrics" / "metrics"
  if not path.exists():
    return False  # to Orbax a checkpoint without metrics
  try:
    values = read_json(path, "").values()
  except ValueError:
    return True
  return not all(isinstance(value, int | float) for value in values)


def _steps(directory: pathlib.Path) -> list[int]:
  if not directory.exists():
    return []
  return [int(p.name) for p in directory.iterdir() if p.name.isdigit()]


def _free(path: pathlib.Path) -> pathlib.Path:
  """Returns the path, with a number appended if it is taken."""
  number, found = 1, path
  while found.exists():
    number += 1
    found = path.with_name(f"{path.name}_{number}")
  return found
