"""Corruptions as training data."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from robust_jax import lookup
from robust_jax.augmentation.grouped import grouped
from robust_jax.corruptions.base import SEVERITIES
from robust_jax.types import Array, Augmentation, Key


def corrupt(
  corruption: str,
  severities: Sequence[int] = tuple(SEVERITIES),
  size: int | None = None,
) -> Augmentation:
  """Applies a corruption at random severities.

  A severity is drawn for each group of up to 8 images, and noise for each
  image. A model trained with a corruption has seen that test: its corruption
  error no longer measures robustness to unseen corruptions.

  Args:
    corruption: name of a member of `robust_jax.corruptions`, or
      `"package.module:function"`.
    severities: whole numbers from 1 to 5, equally likely; repeating one makes
      it more likely.
    size: image size whose constants are used, of a corruption that has them by
      size; see `corruptions.constants`.

  Returns:
    An `Augmentation`.

  Raises:
    ValueError: there is no such corruption or severity.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> augment = augmentation.corrupt("contrast", severities=[5])
    >>> x = jax.numpy.array([0.0, 1.0]).reshape(1, 1, 2, 1)
    >>> (255 * augment(jax.random.key(0), x)).round().ravel().tolist()
    [108.0, 146.0]
  """
  change = lookup.find("corruptions", corruption)
  severities = tuple(severities)
  if not severities or any(s not in SEVERITIES for s in severities):
    raise ValueError(
      f"severities = {severities}: expected at least one, each from 1 to 5."
    )

  options = {} if size is None else {"size": size}

  def augment(key: Key, x: Array) -> Array:
    key_severity, key_images = jax.random.split(key)
    severity = jax.random.choice(key_severity, jnp.asarray(severities))
    keys = jax.random.split(key_images, len(x))
    return change(keys, x, severity, **options)

  return grouped(augment)
