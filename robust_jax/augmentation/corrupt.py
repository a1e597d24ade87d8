"""Any corruption, as training data."""

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
  """One corruption at random severities: noise, blur, weather, compression.

  Each group of up to 8 images draws a severity, each image its own noise. A
  model that is trained so has seen the test: its corruption error says nothing
  about corruptions that nobody thought of.

  Args:
    corruption: a member of `robust_jax.corruptions`.
    severities: from 1 to 5, equally likely; to name one twice makes it twice as
      likely.
    size: image size whose constants are taken, see `corruptions.constants`.

  Raises:
    ValueError: no such corruption or severity.
  """
  change = lookup.find("corruptions", corruption)
  severities = tuple(severities)
  if not severities or any(s not in SEVERITIES for s in severities):
    raise ValueError(
      f"severities = {severities}: expected at least one, each from 1 to 5."
    )

  def augment(key: Key, x: Array) -> Array:
    key_severity, key_images = jax.random.split(key)
    severity = jax.random.choice(key_severity, jnp.asarray(severities))
    keys = jax.random.split(key_images, len(x))
    return change(keys, x, severity, size=size)

  return grouped(augment)
