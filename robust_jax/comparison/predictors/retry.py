"""Repetition of calls that fail temporarily, for instance over a network."""

import http.client
import time
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

# Seconds before the second attempt, and upper bound before any.
_FIRST, _LONGEST = 0.5, 60.0
# Kinds of OSError that another attempt does not resolve.
_PERMANENT = (
  FileNotFoundError,
  IsADirectoryError,
  NotADirectoryError,
  PermissionError,
)


class NoResponse(Exception):
  """A request failed, and another attempt may succeed.

  Functions of the user may raise it; errors of urllib and requests, timeouts
  and dropped connections are treated alike.

  Attributes:
    wait: seconds to wait before the next attempt; None to double the last wait.
  """

  def __init__(self, message: str, wait: float | None = None):
    super().__init__(message)
    self.wait = wait


def retry(
  call: Callable[[], _T],
  retries: int,
  sleep: Callable[[float], None] = time.sleep,
) -> _T:
  """Repeats a call after temporary failures, after 0.5, 1, 2, ... seconds.

  Args:
    call: function that raises `NoResponse`, an `OSError` or an
      `http.client.HTTPException` where another attempt may succeed; other
      exceptions are passed on.
    retries: number of attempts after the first one.
    sleep: function that waits for a number of seconds.

  Returns:
    The result of `call`.

  Raises:
    NoResponse: the last attempt failed.

  Example:
    >>> from robust_jax.comparison.predictors.retry import NoResponse, retry
    >>> attempts = []
    >>> def flaky():
    ...   attempts.append(1)
    ...   if len(attempts) < 3:
    ...     raise NoResponse("busy")
    ...   return "done"
    >>> retry(flaky, retries=4, sleep=lambda seconds: None)
    'done'
  """
  for done in range(retries + 1):
    try:
      return call()
    except _PERMANENT:
      raise
    except (NoResponse, OSError, http.client.HTTPException) as error:
      if done == retries:
        attempts = f"no response after {retries + 1} attempts; the last: "
        raise NoResponse(
          f"{attempts if retries else ''}{_text(error)}"
        ) from error
      wait = getattr(error, "wait", None)
      wait = _FIRST * 2**done if wait is None else wait
    sleep(min(wait, _LONGEST))
  raise ValueError(f"retries = {retries}: expected 0 or more.")


def _text(error) -> str:
  if isinstance(error, NoResponse):
    return str(error)
  return f"{type(error).__name__}: {error}"
