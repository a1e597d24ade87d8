"""Clock and mailbox of a part of the measurements."""

import importlib.util
import pathlib
import time
import traceback
from collections.abc import Callable
from typing import Any


class NotInstalledError(Exception):
  """A measurement needs a package that is not there; the message says which."""


class Meter:
  """Runs measurements while there is time, and sends each result.

  Args:
    part: name of the part.
    send: receives each measurement, a dict as in `results.Results`.
    folder: the folder of the results, for what parts leave to others.
    deadline: reading of `time.monotonic` when the part has to be over.
    rehearsal: whether sizes are tiny, and each measurement begins whatever it
      is said to take.
  """

  def __init__(
    self,
    part: str,
    send: Callable[[dict[str, Any]], None],
    folder: pathlib.Path,
    deadline: float,
    rehearsal: bool,
  ):
    self.part, self.folder = part, folder
    self.deadline, self.rehearsal = deadline, rehearsal
    self._send = send

  def left(self) -> float:
    """Seconds until the deadline."""
    return self.deadline - time.monotonic()

  @property
  def torch_device(self) -> str:
    """The device that PyTorch computes on."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"

  def needs(self, *packages: str) -> None:
    """Ends a measurement that needs a package which is not installed.

    Raises:
      NotInstalledError: one is missing.
    """
    missing = [name for name in packages if not importlib.util.find_spec(name)]
    if missing:
      raise NotInstalledError(f"it needs {', '.join(missing)}")

  def record(self, name: str, by: str, status: str, **values: Any) -> None:
    """Sends a measurement, or what is known of it so far."""
    kind = {"part": self.part, "name": name, "by": by, "status": status}
    self._send(kind | values)

  def record_machine(self, facts: dict[str, str]) -> None:
    """Sends what stands above the table; "backend" is that of JAX."""
    self._send({"machine": facts})

  def measure(
    self,
    name: str,
    by: str,
    seconds: float,
    measured: Callable[[], dict[str, Any]],
  ) -> None:
    """Records what `measured()` returns, or why there is nothing to record.

    Args:
      name: what is measured.
      by: the program that is measured: "robust_jax", "torch, eager".
      seconds: what it takes on an accelerator, roughly. It is skipped if less
        time is left.
      measured: returns the values of the measurement.
    """
    if self.left() < (0 if self.rehearsal else seconds):
      note = f"takes about {seconds:.0f} s, {max(self.left(), 0):.0f} s left"
      self.record(name, by, "skipped", note=note)
      return
    self.record(name, by, "running", expected_seconds=seconds)
    try:
      values = measured()
    except NotInstalledError as error:
      self.record(name, by, "not installed", note=str(error))
    except Exception as error:
      traceback.print_exc()  # into the log of the part
      said = (str(error).strip() or "no message").splitlines()[0][:200]
      note = f"{type(error).__name__}: {said}"
      self.record(name, by, "failed", note=note)
    else:
      self.record(name, by, "done", **values)
