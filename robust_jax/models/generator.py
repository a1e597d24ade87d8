"""A trained generator, frozen."""

import dataclasses
from collections.abc import Callable

import jax

from robust_jax.types import Array, Key


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Generator:
  """What a trained generator draws, and a pytree where its function is.

  Attributes:
    generate: latents z `[B, Z]` -> x `[B, ...]`.
    latent_size: Z.
  """

  generate: Callable[[Array], Array]
  latent_size: int = dataclasses.field(metadata={"static": True})

  def sample(self, key: Key, num_samples: int) -> Array:
    """As many x, of standard normal latents."""
    return self.generate(
      jax.random.normal(key, (num_samples, self.latent_size))
    )
