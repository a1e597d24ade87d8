"""Handling of Ctrl-C and SIGTERM: a run stops at the next safe point."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def interrupt(at_once: bool = False) -> Iterator[Callable[[], bool]]:
  """Turns the first SIGINT or SIGTERM inside into a flag.

  The second signal has its usual effect, so a run that hangs can be ended.

  Args:
    at_once: whether the first signal also raises KeyboardInterrupt, for work
      that may be interrupted at any point and may hang.

  Yields:
    A function that returns whether a signal was received.
  """
  received: list[int] = []
  previous: dict[int, Any] = {}

  def note(signum, frame):
    del frame
    received.append(signum)
    signal.signal(signum, previous[signum])
    if at_once:
      raise KeyboardInterrupt

  for handled in (signal.SIGINT, signal.SIGTERM):
    previous[handled] = signal.signal(handled, note)
  try:
    yield lambda: bool(received)
  finally:
    for number, handler in previous.items():
      signal.signal(number, handler)
