"""An autoencoder with labels, frozen."""

import dataclasses
from collections.abc import Callable

import jax

from robust_jax.types import Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Autoencoder:
  """Two functions, and a pytree where these are.

  Attributes:
    encode: x `[B, H, W, C]` in [0, 1] -> codes `[B, D]`.
    decode: (codes, label vectors `[B, L]`) -> images like x.
  """

  encode: Callable[[Array], Array]
  decode: Callable[[Array, Array], Array]

  def redraw(self, x: Array, labels: Array) -> Array:
    """x under label vectors `[B, L]`: what it would look like."""
    return self.decode(self.encode(x), labels)
