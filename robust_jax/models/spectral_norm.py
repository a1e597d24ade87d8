"""Spectral normalization, as an option of a network's layers."""

from collections.abc import Callable

from flax import linen as nn

from robust_jax.types import Array

COLLECTION = "spectral_norm"
"""The collection of the power iteration's vectors; they are no parameters."""


def spectral_norm(
  layer: nn.Module, *, train: bool, enabled: bool = True
) -> Callable[[Array], Array]:
  """Divides the kernel of a layer by its largest singular value.

  The kernel of a convolution is taken as the matrix `[H W C_in, C_out]`. Its
  singular value is estimated by power iteration, one step in each training
  pass, from a vector that the collection "spectral_norm" keeps. Unlike
  BatchNorm it does not mix the examples of a batch.

  Args:
    layer: a dense layer or a convolution, made in the module that calls this.
    train: whether the kept vector moves; the estimate of a pass is always one
      step ahead of it.
    enabled: if False, the layer itself is returned.

  Returns:
    The layer, `[B, ...]` -> `[B, ...]`.

  Source: Miyato et al. 2018, "Spectral normalization for generative adversarial
  networks", algorithm 1.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from flax import linen as nn
    >>> from robust_jax.models.spectral_norm import spectral_norm
    >>> class Tiny(nn.Module):
    ...   @nn.compact
    ...   def __call__(self, x):
    ...     return spectral_norm(nn.Dense(1), train=False)(x)
    >>> x = jnp.array([[3.0, 4.0]])  # a kernel of one column: its norm is 1
    >>> variables = Tiny().init(jax.random.key(0), x)
    >>> kernel = variables["params"]["Dense_0"]["kernel"]
    >>> y = Tiny().apply(variables, kernel.T)
    >>> bool(abs(y[0, 0] - jnp.linalg.norm(kernel)) < 1e-5)
    True
  """
  if not enabled:
    return layer
  normalized = nn.SpectralNorm(layer, collection_name=COLLECTION)
  return lambda x: normalized(x, update_stats=train)
