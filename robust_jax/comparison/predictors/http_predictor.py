"""Classifiers behind an HTTP endpoint."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import PIL.Image

from robust_jax.comparison.predictors.http_requests import post_in_batches
from robust_jax.comparison.predictors.predict import Predict


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
  **options: Any,
) -> Predict:
  """Predictor that calls a classifier over HTTP.

  A request is a POST of the JSON of some examples. The reply is the JSON
  `{"outputs": [...]}`, with a list of K scores or one integer class for each
  example.

  Args:
    url: http:// or https://.
    as_json: the JSON of some examples, `images_as_json` or `texts_as_json`.
    **options: key, sizes and repetitions of requests; see `post_in_batches`.

  Returns:
    A predictor. It raises `NoResponse` if all attempts fail, and ValueError if
    the service refuses.

  Raises:
    ValueError: an argument is invalid; see `post_in_batches`.
  """
  post = post_in_batches(url, as_json, _outputs, **options)
  return lambda examples: np.concatenate(post(examples))


def _outputs(reply: Any, size: int) -> np.ndarray:
  if not isinstance(reply, dict) or "outputs" not in reply:
    raise ValueError(
      'the reply is not the JSON {"outputs": [...]}, with a list of scores or '
      "a class for each example"
    )
  found = np.array(reply["outputs"])
  if not np.issubdtype(found.dtype, np.number) or found.shape[:1] != (size,):
    raise ValueError(
      f"the reply has outputs {found.dtype} of shape {found.shape} for {size} "
      "examples"
    )
  # Scores may be whole numbers.
  return found.astype(float) if found.ndim == 2 else found


def _png(image: np.ndarray) -> str:
  file = io.BytesIO()
  picture = PIL.Image.fromarray(
    image[..., 0] if image.shape[-1] == 1 else image
  )
  picture.save(file, "png", compress_level=1)
  return base64.b64encode(file.getvalue()).decode()
