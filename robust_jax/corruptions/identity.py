"""Nothing: what the others are compared with."""

from robust_jax.corruptions.signature import corruption
from robust_jax.types import Array, Key


@corruption
def identity(
  keys: Key, x: Array, severity: int | Array, *, size: int | None = None
) -> Array:
  """x, truncated to 8 bits as the results of all corruptions are.

  Arguments and result as `signature.corruption` says; all severities are one.

  Source: Mu and Gilmer 2019 (MNIST-C).
  """
  del keys, severity, size
  return x
