"""Calls over a network, made again when they fail in a way that may pass."""

import http.client
import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

# Seconds before the second try, and at most before any.
_FIRST, _LONGEST = 0.5, 60.0
# Of OSError, what another try does not mend.
_LASTING = (
  FileNotFoundError,
  IsADirectoryError,
  NotADirectoryError,
  PermissionError,
)


class NoResponse(Exception):
  """A request failed, and another one may not.

  A function of one's own may raise it; what urllib and requests raise, and
  time-outs and dropped connections, count alike.

  Attributes:
    wait: seconds to wait before another try; None doubles them each time.
  """

  def __init__(self, message: str, wait: float | None = None):
    super().__init__(message)
    self.wait = wait


def retry(
  call: Callable[[], _T],
  retries: int,
  sleep: Callable[[float], None] = time.sleep,
) -> _T:
  """What `call` returns, tried again after 0.5, 1, 2, ... seconds.

  Args:
    call: raises `NoResponse`, an `OSError` or an `http.client.HTTPException`
      where another try may help; what else it raises is let through.
    retries: how many tries follow the first one.
    sleep: waits for so many seconds.

  Raises:
    NoResponse: the last try failed too.
  """
  for done in range(retries + 1):
    try:
      return call()
    except _LASTING:
      raise
    except (NoResponse, OSError, http.client.HTTPException) as error:
      if done == retries:
        raise NoResponse(
          f"no answer after {retries + 1} tries; the last one: {_told(error)}"
        ) from error
      wait = getattr(error, "wait", None)
      wait = _FIRST * 2**done if wait is None else wait
    sleep(min(wait, _LONGEST))
  raise ValueError(f"retries = {retries}: expected 0 or more.")


def _told(error) -> str:
  if isinstance(error, NoResponse):
    return str(error)
  return f"{type(error).__name__}: {error}"
