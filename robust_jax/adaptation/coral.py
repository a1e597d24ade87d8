"""The distance of the domains' second moments."""

import jax.numpy as jnp

from robust_jax import parallel
from robust_jax.adaptation.mmd import check_layer
from robust_jax.adaptation.records import Alignment, View
from robust_jax.types import Array, Key, PyTree


def coral(*, layer: str = "features") -> Alignment:
  """The squared Frobenius distance of the covariances, over 4 d^2.

  Taken over the whole batch, however many devices share it. Means may differ:
  only the second moments are brought together.

  Args:
    layer: what has the covariance, "features" or "logits" (as in the paper).

  Raises:
    ValueError: there is no such layer.

  Source: Sun and Saenko 2016, "Deep CORAL: correlation alignment for deep
  domain adaptation", equations 1 to 3.
  """
  check_layer(layer)

  def loss(params: PyTree, source: View, target: View, key: Key, train: bool):
    del params, key, train
    source, target = parallel.gather((source, target))
    # |A'A - B'B|^2 of the few rows of A and B, not of their many columns.
    rows = jnp.concatenate([_scaled(source, layer), _scaled(target, layer)])
    signs = jnp.repeat(jnp.array([1.0, -1.0]), len(rows) // 2)
    distance = signs @ (rows @ rows.T) ** 2 @ signs / (4 * rows.shape[1] ** 2)
    return distance, {"coral": (distance, jnp.ones(()))}

  return Alignment(lambda key, view: {}, loss, adversarial=False)


def _scaled(view: View, layer: str) -> Array:
  """A `[N, D]` with A'A the weighted covariance, unbiased at equal weights."""
  rows, weight = getattr(view, layer), view.weight
  total = weight.sum()
  centred = rows - (weight @ rows) / total
  return centred * jnp.sqrt(weight / (total - 1))[:, None]
