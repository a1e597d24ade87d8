"""Nothing but the edges."""

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import canny, matrices
from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key

_SIGMA = 1.0
_LOW, _HIGH = 0.1, 0.2
_LUMA = np.array([0.2125, 0.7154, 0.0721], np.float32)


@corruption
def canny_edges(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """White edges on black, by Canny's detector as scikit-image's defaults are.

  Of colour images, the edges of the luma, in all channels. Arguments and result
  as `signature.corruption` says; nothing is random, and all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C); Canny 1986.
  """
  del keys, severity, size
  grey = x[..., 0] if x.shape[-1] == 1 else (x * _LUMA).sum(-1)
  grey = matrices.both_sides(
    grey[..., None], *(_smoothing(n) for n in x.shape[1:3])
  )[..., 0]
  down, right = canny.sobel(grey, "symmetric")
  steepness = jnp.hypot(down, right)
  inside = np.zeros(x.shape[1:3], bool)
  inside[1:-1, 1:-1] = True
  thin = inside & (steepness >= _LOW)
  thin &= canny.as_steep_as_beside(down, right, steepness)
  found = canny.edges(thin, steepness >= _HIGH)
  return jnp.broadcast_to(found[..., None], x.shape).astype(jnp.float32)


def _smoothing(n: int) -> np.ndarray:
  """`[n, n]`: a Gaussian, truncated to the image and normalised there."""
  offset = np.arange(n)[:, None] - np.arange(n)
  weights = np.exp(-0.5 * (offset / _SIGMA) ** 2) * (np.abs(offset) <= 4)
  return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
