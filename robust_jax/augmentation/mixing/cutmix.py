"""CutMix: a rectangle of one image is pasted into another."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.types import Array, Key, Mixing


def cutmix(alpha: float = 1.0) -> Mixing:
  """CutMix: replaces a rectangle of each image by that of another image.

  The rectangle has the aspect ratio of the image, a fraction 1 - m of its area,
  with m from Beta(alpha, alpha), and its center on a random pixel. The part
  outside of the image is lost; labels are mixed by the areas that remain
  visible.

  Args:
    alpha: parameter of the Beta distribution; 1 is uniform.

  Returns:
    A `Mixing`.

  Raises:
    ValueError: alpha is not positive.

  Source: Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong
    Classifiers with Localizable Features".
  Deviation: one rectangle per image instead of one per batch.

  Example:
    >>> import jax
    >>> from robust_jax.augmentation import mixing
    >>> x = jax.numpy.arange(2.0)[:, None, None, None].repeat(8, 1).repeat(8, 2)
    >>> mix = jax.jit(mixing.cutmix())
    >>> mixed, labels = mix(jax.random.key(1), x, jax.numpy.eye(2))
    >>> bool((abs(mixed.mean((1, 2, 3)) - labels[:, 1]) < 1e-6).all())
    True
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
  """Returns `[B, length]` bool: the pixels of an axis that are covered."""
  middle = jax.random.randint(key, side.shape, 0, length)
  half = jnp.floor(side * length).astype(jnp.int32) // 2
  offset = jnp.arange(length) - middle[:, None]
  return (offset >= -half[:, None]) & (offset < half[:, None])
