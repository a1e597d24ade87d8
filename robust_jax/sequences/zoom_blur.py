"""A camera moves forward, and its shutter stays open."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.corruptions import zooms
from robust_jax.sequences.signature import sequence
from robust_jax.types import Array, Key

_ZOOMS = 1 + 0.004 * np.arange(31)


@sequence
def zoom_blur(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Frame i is the mean of the image enlarged 1, 1.004, ..., 1 + 0.004 i times.

  31 frames at any size. Arguments and result as `signature.sequence` says;
  nothing is random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys, size
  rows, columns = (
    jnp.asarray([zooms.places(n, zoom) for zoom in _ZOOMS], jnp.float32)
    for n in x.shape[1:3]
  )

  def one(image):
    def longer(total, i):
      total = total + zooms.read(image, rows[i], columns[i])
      return total, total / (i + 1)

    start = jnp.zeros_like(image)
    return lax.scan(longer, start, jnp.arange(len(_ZOOMS)))[1]

  return lax.map(one, x)
