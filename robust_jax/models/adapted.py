"""A network between two domains, which it may answer differently."""

import dataclasses

import jax

from robust_jax.models.split import SplitModel
from robust_jax.types import Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Adapted:
  """A `LogitsFn` for the target, and a pytree where its parts are.

  Attributes:
    source: how it answers the source: by BatchNorm statistics of the source,
      or an encoder that was trained there.
    target: how it answers the target. In many methods the two are one.
  """

  source: SplitModel
  target: SplitModel

  def __call__(self, x: Array) -> Array:
    """x `[B, ...]` of the target, in [0, 1] -> logits `[B, K]`."""
    return self.target(x)
