"""Less contrast, as in haze or bad light."""

from robust_jax.corruptions import constants
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_IMAGENET = (0.4, 0.3, 0.2, 0.1, 0.05)
_KEPT = {
  299: _IMAGENET,
  224: _IMAGENET,
  64: _IMAGENET,
  32: (0.75, 0.5, 0.4, 0.3, 0.15),
}


@corruption
def contrast(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """Each channel is pulled towards its mean over the image.

  Arguments and result as `signature.corruption` says; nothing is random.

  Source: Hendrycks and Dietterich 2019.
  """
  del keys
  kept = constants.pick(constants.rows(_KEPT, x, size), severity)
  mean = x.mean(axis=(1, 2), keepdims=True)
  return (x - mean) * kept + mean
