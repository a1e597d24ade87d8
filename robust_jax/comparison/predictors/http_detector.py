"""Detectors behind an HTTP endpoint."""

from collections.abc import Sequence
from typing import Any

from robust_jax.comparison.predictors.detector_predictor import (
  detector_predictor,
)
from robust_jax.comparison.predictors.http_predictor import images_as_json
from robust_jax.comparison.predictors.http_requests import post_in_batches
from robust_jax.comparison.predictors.predict import Predict


def http_detector(
  url: str, class_names: Sequence[str], **options: Any
) -> Predict:
  """Predictor that calls a detector over HTTP.

  A request is a POST of the JSON `images_as_json` of some images. The reply is
  the JSON `{"detections": [...]}` with an object for each image: its `boxes`, a
  list of [left, top, right, bottom] in pixels of the image that was sent, and
  `scores` and `classes` of equal length. Classes are names, or indices from 0
  on.

  Args:
    url: http:// or https://.
    class_names: K names.
    **options: key, sizes and repetitions of requests; see `post_in_batches`.

  Returns:
    A predictor of detections `[B, M, 6]`; see `detector_predictor`. It raises
    `NoResponse` if all attempts fail, and ValueError if the service refuses.

  Raises:
    ValueError: an argument is invalid; see `post_in_batches`.
  """
  post = post_in_batches(url, images_as_json, _detections, **options)
  detect = lambda images: [one for part in post(images) for one in part]
  return detector_predictor(detect, class_names)


def _detections(reply: Any, size: int) -> list[Any]:
  found = reply.get("detections") if isinstance(reply, dict) else None
  if not isinstance(found, list) or len(found) != size:
    raise ValueError(
      'the reply is not the JSON {"detections": [...]} with an object for each '
      f"of {size} images, of its boxes, scores and classes"
    )
  return found
