"""A part in a process of its own, which ends in time whatever it does.

The compiler cannot be interrupted from Python, memory of a device is free again
when its process has ended, and an error of a device leaves it unusable to the
process. Processes are forked from one that has imported what takes seconds to
import, and has not touched a device.
"""

import contextlib
import faulthandler
import multiprocessing
import os
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from tests.benchmarks.accelerator.meter import Meter

_GRACE_SECONDS = 3.0  # of a part that is about to end by itself
_PRELOADED = ["tests.benchmarks.accelerator.imports"]

Part = Callable[[Meter], None]


def run_part(
  name: str,
  part: Part,
  receive: Callable[[dict[str, Any]], None],
  deadline: float,
  rehearsal: bool,
  folder: pathlib.Path,
) -> str:
  """Runs a part to its end or to the deadline.

  Args:
    name: name of the part.
    part: a function of a module, with a `Meter`.
    receive: called here with each measurement.
    deadline: reading of `time.monotonic` when it is killed, if it is not over.
    rehearsal: see `Meter`.
    folder: folder of the results, and of a log of what it prints.

  Returns:
    Why it did not end by itself; empty if it did.
  """
  context = multiprocessing.get_context("forkserver")
  context.set_forkserver_preload(_PRELOADED)
  receiver, sender = context.Pipe(duplex=False)
  process = context.Process(
    target=_work, args=(name, part, sender, folder, deadline, rehearsal)
  )
  process.start()
  sender.close()
  try:
    ended = _listen(receiver, receive, deadline + _GRACE_SECONDS)
    if ended:
      process.join(_GRACE_SECONDS)
  finally:
    _kill(process)
  if not ended:
    return "its time was over"
  if process.exitcode:
    return f"it ended with status {process.exitcode}, see {name}.log"
  return ""


def _listen(
  receiver: Connection, receive: Callable[[dict], None], deadline: float
) -> bool:
  """Returns whether the other end was closed before the deadline."""
  while receiver.poll(max(0.0, deadline - time.monotonic())):
    try:
      row = receiver.recv()
    except EOFError:
      return True
    receive(row)
  return False


def _kill(process) -> None:
  """Ends a process, if it has not ended, and what it has started."""
  if process.exitcode is None:
    with contextlib.suppress(ProcessLookupError):  # no session of its own yet
      os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _work(name, part, sender, folder, deadline, rehearsal) -> None:
  """Runs in the process."""
  os.setsid()  # what it starts is killed with it
  log = folder / f"{name}.log"
  output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
  os.dup2(output, sys.stdout.fileno())
  os.dup2(output, sys.stderr.fileno())
  faulthandler.enable()
  threading.Thread(target=_end_with_parent, daemon=True).start()
  part(Meter(name, sender.send, folder, deadline, rehearsal))


def _end_with_parent() -> None:
  """A killed parent cannot kill: nothing may keep the device busy then."""
  multiprocessing.parent_process().join()
  os.killpg(0, signal.SIGKILL)
