"""What training makes small where there is no adversary."""

from collections.abc import Callable

import jax.numpy as jnp

from robust_jax.adaptation.records import Alignment, Gather, View, alone
from robust_jax.types import Array, Key, PyTree

Distance = Callable[[Array, Array, Array, Array], Array]
"""(rows `[N, D]` and weights `[N]` of the source, then of the target) -> how
far apart they are, a scalar."""


def discrepancy(name: str, layer: str, distance: Distance) -> Alignment:
  """A distance of the whole batches, however many devices share them.

  Args:
    name: what it is reported as.
    layer: of a `View`, "features" or "logits", that is compared.
    distance: of the two domains.

  Raises:
    ValueError: there is no such layer.
  """
  if layer not in ("features", "logits"):
    raise ValueError(f"layer = '{layer}': expected 'features' or 'logits'.")

  def loss(
    params: PyTree,
    source: View,
    target: View,
    key: Key,
    gather: Gather = alone,
  ):
    del params, key
    source, target = gather((source, target))
    apart = distance(
      getattr(source, layer),
      source.weight,
      getattr(target, layer),
      target.weight,
    )
    return apart, {name: (apart, jnp.ones(()))}

  return Alignment(lambda key, view: {}, loss, adversarial=False)
