"""A rectangle of one image in another."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.types import Array, Key, Mixing


def cutmix(alpha: float = 1.0) -> Mixing:
  """A rectangle of each image is replaced by the same one of another.

  It has a fraction 1 - m of the area, m Beta(alpha, alpha), the shape of the
  image and its middle on a random pixel; what lies outside of the image is
  lost. Labels are mixed by the areas that are seen in the end.

  Args:
    alpha: 1 is uniform.

  Raises:
    ValueError: alpha is not positive.

  Source: Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong
  Classifiers with Localizable Features". Deviation: one rectangle per image,
  not one per batch.
  """
  checks.positive("alpha", alpha)

  def mix(key: Key, x: Array, labels: Array) -> tuple[Array, Array]:
    key_fraction, key_place, key_other = jax.random.split(key, 3)
    fraction = jax.random.beta(key_fraction, alpha, alpha, x.shape[:1])
    other = jax.random.permutation(key_other, len(x))
    side = jnp.sqrt(1 - fraction)
    down, across = (
      _band(k, length, side)
      for k, length in zip(
        jax.random.split(key_place), x.shape[1:3], strict=True
      )
    )
    inside = (down[:, :, None] & across[:, None, :])[..., None]
    seen = tree.expand(1 - inside.mean((1, 2, 3)), labels)
    mixed = labels[other] + seen * (labels - labels[other])
    return jnp.where(inside, x[other], x), mixed

  return mix


def _band(key: Key, length: int, side: Array) -> Array:
  """`[B, length]`: which pixels of an axis the rectangle covers."""
  middle = jax.random.randint(key, side.shape, 0, length)
  half = jnp.floor(side * length).astype(jnp.int32) // 2
  offset = jnp.arange(length) - middle[:, None]
  return (offset >= -half[:, None]) & (offset < half[:, None])
