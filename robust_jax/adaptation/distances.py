"""Alignment by a discrepancy between domains, without an adversary."""

from collections.abc import Callable

import jax.numpy as jnp

from robust_jax.adaptation.records import Alignment, Gather, View, no_gather
from robust_jax.types import Array, Key, PyTree

Distance = Callable[[Array, Array, Array, Array], Array]
"""(source rows `[N, D]`, their weights `[N]`, target rows, their weights) ->
distance, a scalar."""


def discrepancy(name: str, layer: str, distance: Distance) -> Alignment:
  """Makes an alignment of a distance, over the whole batch of all devices.

  Args:
    name: name of the metric that reports the distance.
    layer: the layer of a `View` that is compared, "features" or "logits".
    distance: the distance of the two domains.

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
    gather: Gather = no_gather,
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
