"""Requests to a model behind an HTTP endpoint, repeated and in parallel."""

import http.client
import json
import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from robust_jax import checks
from robust_jax.comparison.predictors.retry import NoResponse, retry

_T = TypeVar("_T")

_LARGEST = 2**28  # bytes of a reply
_SHOWN = 80  # bytes of an invalid reply in messages
# Statuses below 500 that are temporary: timeouts and rate limits.
_TEMPORARY = (408, 425, 429)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def post_in_batches(
  url: str,
  as_json: Callable[[Sequence[Any]], Mapping[str, Any]],
  from_json: Callable[[Any, int], _T],
  *,
  api_key: str | None = None,
  batch_size: int = 32,
  concurrency: int = 4,
  timeout: float = 60.0,
  retries: int = 4,
) -> Callable[[Sequence[Any]], list[_T]]:
  """Makes a function that sends examples to a service.

  A request is a POST of the JSON of some examples, and the reply is JSON.
  Requests are repeated after a status of 5xx, 408, 425 or 429, a timeout, a
  dropped connection and an invalid reply; other statuses are errors.

  Args:
    url: http:// or https://.
    as_json: the JSON of some examples.
    from_json: `(JSON of the reply, number of examples) -> result`. It is given
      None where the reply is no JSON, and raises ValueError where the reply is
      invalid.
    api_key: sent as `Authorization: Bearer <api_key>`, only over https or to
      this machine.
    batch_size: largest number of examples per request.
    concurrency: number of simultaneous requests.
    timeout: timeout of a request in seconds.
    retries: number of repetitions of a failed request, after 0.5, 1, 2, ...
      seconds or as the service requests (`Retry-After`).

  Returns:
    A function from examples to the result of each request, in their order. It
    raises `NoResponse` if all attempts fail, and ValueError if the service
    refuses.

  Raises:
    ValueError: the URL is invalid, the key would be sent unencrypted, or a
      number is too small.
  """
  _check_url(url, api_key)
  checks.at_least_one("batch_size", batch_size)
  checks.at_least_one("concurrency", concurrency)
  if retries < 0 or not timeout > 0:
    raise ValueError(
      f"retries = {retries}, timeout = {timeout}: expected 0 or more, and more "
      "than 0 seconds."
    )
  headers = {"Content-Type": "application/json", "Accept": "application/json"}
  if api_key is not None:
    headers["Authorization"] = f"Bearer {api_key}"

  def request_batch(examples: Sequence[Any]) -> _T:
    body = json.dumps(as_json(examples)).encode()
    request = urllib.request.Request(url, body, headers, method="POST")

    def call() -> _T:
      reply = _reply(request, timeout)
      try:
        return from_json(_parsed(reply), len(examples))
      except ValueError as error:
        raise NoResponse(f"{error}; it begins with {_shown(reply)}") from error

    return retry(call, retries)

  def post(examples: Sequence[Any]) -> list[_T]:
    parts = [
      examples[start : start + batch_size]
      for start in range(0, len(examples), batch_size)
    ]
    return _concurrently(request_batch, parts, concurrency)

  return post


def _concurrently(
  call: Callable[[Any], _T], parts: Sequence, concurrency: int
) -> list[_T]:
  """Calls a function for each part in daemon threads.

  An interrupt does not wait for hanging requests.
  """
  waiting: queue.SimpleQueue = queue.SimpleQueue()
  done: queue.SimpleQueue = queue.SimpleQueue()
  for item in enumerate(parts):
    waiting.put(item)

  def work():
    while True:
      try:
        place, part = waiting.get_nowait()
      except queue.Empty:
        return
      try:
        done.put((place, call(part), None))
      except BaseException as error:
        done.put((place, None, error))

  for _ in range(min(concurrency, len(parts))):
    threading.Thread(target=work, daemon=True).start()
  found: dict[int, _T] = {}
  try:
    while len(found) < len(parts):
      place, outputs, error = done.get()
      if error is not None:
        raise error
      found[place] = outputs
  finally:
    while not waiting.empty():  # drop the remaining requests
      waiting.get_nowait()
  return [found[place] for place in range(len(parts))]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
  """Refuses redirects, which send the key to another host."""

  def redirect_request(self, *arguments):
    return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _reply(request, timeout) -> bytes:
  """Returns the body of the response.

  Raises:
    NoResponse: the failure may be temporary.
    ValueError: the service refuses.
  """
  ends = time.monotonic() + timeout
  try:
    with _OPENER.open(request, timeout=timeout) as response:
      pieces = []
      while piece := response.read1(2**16):
        pieces.append(piece)
        if time.monotonic() > ends:
          raise TimeoutError
        if sum(map(len, pieces)) > _LARGEST:
          raise ValueError(
            f"{request.full_url} sent more than {_LARGEST} bytes."
          )
      if response.length:
        raise NoResponse(f"{request.full_url} dropped the connection.")
      return b"".join(pieces)
  except urllib.error.HTTPError as error:
    with error:
      status = f"{error.code} {error.reason}: {_shown(error.read(_SHOWN))}"
    if error.code < 500 and error.code not in _TEMPORARY:
      raise ValueError(f"{request.full_url} refused with {status}") from error
    after = error.headers.get("Retry-After", "")
    wait = float(after) if after.isdecimal() else None
    raise NoResponse(f"{request.full_url} responded {status}", wait) from error
  except TimeoutError as error:
    raise NoResponse(
      f"{request.full_url} did not respond within {timeout:g} s."
    ) from error
  except (OSError, http.client.HTTPException) as error:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
      reason = f"no connection within {timeout:g} s"
    raise NoResponse(f"{request.full_url}: {reason}") from error


def _parsed(reply: bytes) -> Any:
  """The JSON of a reply; None if it is none."""
  try:
    return json.loads(reply)
  except (ValueError, RecursionError):
    return None


def _shown(reply: bytes) -> str:
  return f"{reply[:_SHOWN]!r}" + (" ..." if len(reply) > _SHOWN else "")


def _check_url(url, api_key):
  try:
    parts = urllib.parse.urlsplit(url)
    known = parts.scheme in ("http", "https") and bool(parts.hostname)
    _ = parts.port  # raises if it is not a number
  except ValueError:
    known = False
  if not known:
    raise ValueError(f"'{url}': expected an address such as https://HOST/PATH.")
  if parts.username is not None:
    raise ValueError(
      f"the address of {parts.hostname} contains a password, which would be "
      "reported: expected a key in an environment variable."
    )
  is_open = parts.scheme == "http" and parts.hostname not in _LOOPBACK
  if api_key is not None and is_open:
    raise ValueError(
      f"the key of {url} would be sent unencrypted: expected https://."
    )
