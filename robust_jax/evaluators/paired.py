"""Distances of translated images from their targets."""

import jax
import jax.numpy as jnp

from robust_jax import metrics
from robust_jax.evaluators._image_similarity import (
  mean_absolute_error,
  psnr,
  ssim,
)
from robust_jax.models.inference import ImageTranslator
from robust_jax.types import Array, Batch, Evaluator, Key, Metrics, Model


def paired(features: Model | None = None) -> Evaluator:
  """Measures how near translated images are to their targets.

  Each image is translated with noise of its own, as it would be when it is
  deployed.

  Args:
    features: images -> activations of a trained classifier `[B, ...]`, which
      respond to what an image shows rather than to its pixels.

  Returns:
    The evaluator of a `models.inference.ImageTranslator`. It reports "mae", the
    mean absolute difference of pixels in [0, 1]; "psnr" in dB; "ssim", the
    structural similarity; and, with features, "feature_distance", the Euclidean
    distance of activations relative to the norm of the target's.

  Source: SSIM: Wang et al. 2004, "Image quality assessment: from error
  visibility to structural similarity". Features: Johnson et al. 2016,
  "Perceptual losses for real-time style transfer and super-resolution",
  equation 1.

  Deviation: the distance of features is relative to the target's.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import evaluators, metrics
    >>> from robust_jax.models.inference import ImageTranslator
    >>> model = ImageTranslator(lambda x, keys: x + 0.1)
    >>> x = jnp.full((2, 16, 16, 1), 0.5)
    >>> batch = {"x": x, "y": x, "mask": jnp.ones(2)}
    >>> measured = evaluators.paired().measure(model, batch, jax.random.key(0))
    >>> result = metrics.result(measured)
    >>> round(result["mae"], 3), round(result["psnr"], 1)
    (0.1, 20.0)
  """

  def measure(model: ImageTranslator, batch: Batch, key: Key) -> Metrics:
    drawn, target = model.sample(key, batch["x"]), batch["y"]
    found = {
      "mae": mean_absolute_error(drawn, target),
      "psnr": psnr(drawn, target),
      "ssim": ssim(drawn, target),
    }
    if features is not None:
      found["feature_distance"] = _relative_distance(
        features(drawn), features(target)
      )
    return {k: metrics.average(v, batch["mask"]) for k, v in found.items()}

  return Evaluator(measure)


def _relative_distance(h: Array, target: Array) -> Array:
  norm = jax.vmap(lambda h: jnp.linalg.norm(h.ravel()))
  return norm(h - target) / jnp.maximum(norm(target), 1e-6)
