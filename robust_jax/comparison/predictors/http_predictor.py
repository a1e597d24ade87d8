"""Models behind an HTTP endpoint."""

import base64
import http.client
import io
import json
import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import PIL.Image

from robust_jax import checks
from robust_jax.comparison.predictors.predict import Predict
from robust_jax.comparison.predictors.retry import NoResponse, retry

_LARGEST = 2**28  # bytes of a reply
_SHOWN = 80  # bytes of an invalid reply in messages
# Statuses below 500 that are temporary: timeouts and rate limits.
_TEMPORARY = (408, 425, 429)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def images_as_json(images: Sequence[np.ndarray]) -> Mapping[str, list[str]]:
  """Returns the JSON `{"images": [...]}` of images uint8 `[H, W, C]`.

  Each is a PNG of 8 bits per channel, gray or RGB, in base64.
  """
  return {"images": [_png(image) for image in images]}


def texts_as_json(texts: Sequence[str]) -> Mapping[str, list[str]]:
  """Returns the JSON `{"texts": [...]}` of strings."""
  return {"texts": list(texts)}


def http_predictor(
  url: str,
  *,
  as_json: Callable[[Sequence[Any]], Mapping[str, list[str]]] = images_as_json,
  api_key: str | None = None,
  batch_size: int = 32,
  concurrency: int = 4,
  timeout: float = 60.0,
  retries: int = 4,
) -> Predict:
  """Predictor that calls a model over HTTP.

  A request is a POST of the JSON of some examples. The reply is the JSON
  `{"outputs": [...]}`, with a list of K scores or one integer class for each
  example.

  Requests are repeated after a status of 5xx, 408, 425 or 429, a timeout, a
  dropped connection and an invalid reply; other statuses are errors.

  Args:
    url: http:// or https://.
    as_json: the JSON of some examples, `images_as_json` or `texts_as_json`.
    api_key: sent as `Authorization: Bearer <api_key>`, only over https or to
      this machine.
    batch_size: largest number of examples per request.
    concurrency: number of simultaneous requests.
    timeout: timeout of a request in seconds.
    retries: number of repetitions of a failed request, after 0.5, 1, 2, ...
      seconds or as the service requests (`Retry-After`).

  Returns:
    A predictor. It raises `NoResponse` if all attempts fail, and ValueError if
    the service refuses.

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

  def request_batch(examples: Sequence[Any]) -> np.ndarray:
    body = json.dumps(as_json(examples)).encode()
    request = urllib.request.Request(url, body, headers, method="POST")
    call = lambda: _outputs(_reply(request, timeout), len(examples))
    return retry(call, retries)

  def predict(examples: Sequence[Any]) -> np.ndarray:
    parts = [
      examples[start : start + batch_size]
      for start in range(0, len(examples), batch_size)
    ]
    return np.concatenate(_concurrently(request_batch, parts, concurrency))

  return predict


def _concurrently(
  call: Callable, parts: Sequence, concurrency: int
) -> list[np.ndarray]:
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
  found: dict[int, np.ndarray] = {}
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


def _outputs(reply: bytes, size: int) -> np.ndarray:
  try:
    found = np.array(json.loads(reply)["outputs"])
  except (ValueError, TypeError, KeyError, RecursionError) as error:
    raise NoResponse(
      'the reply is not the JSON {"outputs": [...]}, with a list of scores or '
      f"a class for each example: it begins with {_shown(reply)}"
    ) from error
  if not np.issubdtype(found.dtype, np.number) or found.shape[:1] != (size,):
    raise NoResponse(
      f"the reply has outputs {found.dtype} of shape {found.shape} for {size} "
      f"examples; it begins with {_shown(reply)}"
    )
  # Scores may be whole numbers.
  return found.astype(float) if found.ndim == 2 else found


def _shown(reply: bytes) -> str:
  return f"{reply[:_SHOWN]!r}" + (" ..." if len(reply) > _SHOWN else "")


def _png(image: np.ndarray) -> str:
  file = io.BytesIO()
  picture = PIL.Image.fromarray(
    image[..., 0] if image.shape[-1] == 1 else image
  )
  picture.save(file, "png", compress_level=1)
  return base64.b64encode(file.getvalue()).decode()


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
