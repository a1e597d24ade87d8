"""The first layer of every model."""

import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array


def normalise(x: Array, mean: tuple = (0.0,), std: tuple = (1.0,)) -> Array:
  """Centres and scales images per channel: `(x - mean) / std`.

  It belongs to the model, so that data, attacks and corruptions all speak
  [0, 1] and a radius means the same for every model.

  Args:
    x: `[B, H, W, C]`, floats in [0, 1].
    mean: one value per channel, or a single one for all; in units of x.
    std: likewise, positive.

  Returns:
    `[B, H, W, C]` float32.

  Raises:
    ValueError: x is no batch of float images, or mean and std do not fit it.
  """
  if x.ndim != 4:
    raise ValueError(
      f"images of shape {x.shape}: wanted a batch [B, H, W, C]; write "
      "x[None] for a single image, x[..., None] for a missing channel axis."
    )
  if not jnp.issubdtype(x.dtype, jnp.floating):
    raise ValueError(
      f"images of dtype {x.dtype}: wanted floats in [0, 1]; convert 8-bit "
      "images by x.astype('float32') / 255."
    )
  for name, values in (("mean", mean), ("std", std)):
    if len(values) not in (1, x.shape[-1]):
      raise ValueError(
        f"{name} = {tuple(values)} for images of {x.shape[-1]} channels: "
        "wanted one value per channel, or a single one for all."
      )
  if not np.all(np.asarray(std) > 0):
    raise ValueError(f"std = {tuple(std)}: wanted positive values.")
  mean, std = (jnp.asarray(values, jnp.float32) for values in (mean, std))
  return (x.astype(jnp.float32) - mean) / std
