"""Water runs down the lens."""

import jax.numpy as jnp
from jax import lax

from robust_jax.corruptions import constants, matrices
from robust_jax.corruptions import spatter as corruption
from robust_jax.sequences.signature import sequence
from robust_jax.types import Array, Key

# Mean and deviation of the noise, its blur, how bright water is.
_LIQUID = {224: (0.65, 0.27, 3.7, 0.6), 32: (0.6, 0.265, 1.75, 0.5)}
_THRESHOLD = 0.69
# What a pixel keeps, and gets from those above it.
_FLOW = (0.7, 0.15, 0.1, 0.05)
_COUNT = 31


@sequence
def spatter(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Drops of water, which flow a little further in each frame.

  Arguments and result as `signature.sequence` says. One of the four extra
  sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P). Deviation:
  as in `corruptions.spatter`; that water flows downward is our reading.
  """
  mean, deviation, sigma, strength = constants.rows(_LIQUID, x, size)
  layer = (mean + deviation * corruption.draw(keys, x))[..., None]
  layer = matrices.gaussian_blur(layer, jnp.float32(sigma), sigma)
  layer = jnp.where(layer < _THRESHOLD, 0.0, layer)

  def flow(layer, _):
    frame = corruption.watered(x, layer, jnp.float32(strength))
    above = jnp.pad(layer, ((0, 0), (len(_FLOW) - 1, 0), (0, 0), (0, 0)))
    first = len(_FLOW) - 1  # the row of `above` that is the layer's own first
    layer = sum(
      share * above[:, first - i : first - i + layer.shape[1]]
      for i, share in enumerate(_FLOW)
    )
    return layer, frame

  return jnp.moveaxis(lax.scan(flow, layer, None, _COUNT)[1], 0, 1)
