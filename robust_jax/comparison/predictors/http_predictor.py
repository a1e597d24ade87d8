"""A model behind an HTTP endpoint."""

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
from collections.abc import Callable, Sequence

import numpy as np
import PIL.Image

from robust_jax import checks
from robust_jax.comparison.predictors.predict import Predict
from robust_jax.comparison.predictors.retry import NoResponse, retry

_LARGEST = 2**28  # bytes of a reply
_SHOWN = 80  # bytes of a reply that is no answer
# Of statuses below 500: the client was too slow, or asked too often.
_PASSING = (408, 425, 429)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def http_predictor(
  url: str,
  *,
  api_key: str | None = None,
  batch_size: int = 32,
  concurrency: int = 4,
  timeout: float = 60.0,
  retries: int = 4,
) -> Predict:
  """A model that is asked over HTTP.

  A request is a POST of the JSON `{"images": [...]}`, each image a PNG of 8
  bits per channel, gray or RGB, in base64. The reply is the JSON
  `{"answers": [...]}`, for each image a list of K scores or one integer, its
  class.

  A status of 5xx, 408, 425 or 429, a time-out, a dropped connection and a reply
  that is no such JSON are asked again; another status is an error.

  Args:
    url: http:// or https://.
    api_key: sent as `Authorization: Bearer <api_key>`; over https alone, or to
      this machine.
    batch_size: most images in one request.
    concurrency: requests at the same time.
    timeout: seconds until a request has failed.
    retries: how often a request is made again, after 0.5, 1, 2, ... seconds or
      what the service asks for (`Retry-After`).

  Returns:
    A predictor. It raises `NoResponse` where all tries fail, and ValueError
    where the service refuses.

  Raises:
    ValueError: another URL, a key that could be read on the way, or a number
      that is too small.
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

  def ask(images: Sequence[np.ndarray]) -> np.ndarray:
    body = json.dumps({"images": [_png(image) for image in images]}).encode()
    request = urllib.request.Request(url, body, headers, method="POST")
    again = lambda: _answers(_reply(request, timeout), len(images))
    return retry(again, retries)

  def predict(images: Sequence[np.ndarray]) -> np.ndarray:
    parts = [
      images[start : start + batch_size]
      for start in range(0, len(images), batch_size)
    ]
    return np.concatenate(_at_the_same_time(ask, parts, concurrency))

  return predict


def _at_the_same_time(
  call: Callable, parts: Sequence, concurrency: int
) -> list[np.ndarray]:
  """`call` of each part, in daemon threads.

  Whoever is interrupted does not wait for a request that hangs.
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
      place, answer, error = done.get()
      if error is not None:
        raise error
      found[place] = answer
  finally:
    while not waiting.empty():  # what is left of it is not asked
      waiting.get_nowait()
  return [found[place] for place in range(len(parts))]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
  """A POST would become a GET, and the key go to another host."""

  def redirect_request(self, *arguments):
    return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _reply(request, timeout) -> bytes:
  """What the service sends back.

  Raises:
    NoResponse: it fails in a way that may pass.
    ValueError: it refuses.
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
      said = f"{error.code} {error.reason}: {_shown(error.read(_SHOWN))}"
    if error.code < 500 and error.code not in _PASSING:
      raise ValueError(f"{request.full_url} refused with {said}") from error
    wait = error.headers.get("Retry-After", "")
    wait = float(wait) if wait.isdecimal() else None
    raise NoResponse(f"{request.full_url} answered {said}", wait) from error
  except TimeoutError as error:
    raise NoResponse(
      f"{request.full_url} did not answer within {timeout:g} s."
    ) from error
  except (OSError, http.client.HTTPException) as error:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
      reason = f"no connection within {timeout:g} s"
    raise NoResponse(f"{request.full_url}: {reason}") from error


def _answers(reply: bytes, size: int) -> np.ndarray:
  try:
    answers = json.loads(reply)["answers"]
    found = np.array(answers)
  except (ValueError, TypeError, KeyError, RecursionError) as error:
    raise NoResponse(
      'the reply is not the JSON {"answers": [...]}, with a list of scores or '
      f"a class for each image: it begins with {_shown(reply)}"
    ) from error
  if not np.issubdtype(found.dtype, np.number) or found.shape[:1] != (size,):
    raise NoResponse(
      f"the reply has answers {found.dtype} of shape {found.shape} to {size} "
      f"images; it begins with {_shown(reply)}"
    )
  # Scores that are whole numbers are scores.
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
    _ = parts.port  # raises where it is no number
  except ValueError:
    known = False
  if not known:
    raise ValueError(f"'{url}': expected an address such as https://HOST/PATH.")
  if parts.username is not None:
    raise ValueError(
      f"the address of {parts.hostname} holds a password, which would be "
      "reported: expected a key in an environment variable."
    )
  is_open = parts.scheme == "http" and parts.hostname not in _LOOPBACK
  if api_key is not None and is_open:
    raise ValueError(
      f"the key of {url} could be read on the way: expected https://."
    )
