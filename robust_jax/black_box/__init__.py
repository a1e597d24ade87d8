"""Black-box attacks on any function on the host, counted in queries.

Like an attack on a JAX model, with a function from numpy to numpy in its place:
`(key, predict, x, labels) -> QueryResult`. `as_numpy_fn` makes one of a JAX
model.
"""

from robust_jax.black_box.boundary import boundary
from robust_jax.black_box.hop_skip_jump import hop_skip_jump
from robust_jax.black_box.spsa import spsa
from robust_jax.black_box.square import square
from robust_jax.black_box.train_substitute import train_substitute

__all__ = [
  "boundary",
  "hop_skip_jump",
  "spsa",
  "square",
  "train_substitute",
]
