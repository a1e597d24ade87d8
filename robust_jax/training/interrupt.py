"""Ctrl-C and SIGTERM ask a run to stop at the next safe point."""

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def interrupt(at_once: bool = False) -> Iterator[Callable[[], bool]]:
  """While inside, the first SIGINT or SIGTERM only sets a flag.

  The second one acts as it always did, so that a run that hangs can be left.

  Args:
    at_once: the first one raises KeyboardInterrupt too, where work can be left
      at any point and may hang.

  Yields:
    A function that tells whether a signal came.
  """
  received = []
  previous = {}

  def note(signum, frame):
    del frame
    received.append(signum)
    signal.signal(signum, previous[signum])
    if at_once:
      raise KeyboardInterrupt

  for signum in (signal.SIGINT, signal.SIGTERM):
    previous[signum] = signal.signal(signum, note)
  try:
    yield lambda: bool(received)
  finally:
    for signum, handler in previous.items():
      signal.signal(signum, handler)
