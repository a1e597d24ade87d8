"""The loss of a domain classifier, whatever it is shown."""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp

from robust_jax import losses, metrics
from robust_jax.adaptation.records import Alignment, Gather, View, alone
from robust_jax.types import Array, Key, PyTree

Shown = Callable[[View], Array]
"""View -> `[B, ...]`, what the classifier is shown of each example."""

Importance = Callable[[View, Gather], Array]
"""View -> `[B]`, of mean 1 over the batch: how much each example matters."""


def domain_game(
  classifier: nn.Module, shown: Shown, importance: Importance
) -> Alignment:
  """An adversary that tells domains apart by its cross-entropy.

  The average over the sources and that over the target count one half each,
  so the loss is log 2 where two domains cannot be told apart.

  Args:
    classifier: answers what it is shown by logits `[B, domains]`.
    shown: what it is shown.
    importance: of the examples.
  """

  def init(key: Key, view: View) -> PyTree:
    return classifier.init(key, shown(view))["params"]

  def loss(
    params: PyTree,
    source: View,
    target: View,
    key: Key,
    gather: Gather = alone,
  ):
    both = View(
      *(jnp.concatenate(leaves) for leaves in zip(source, target, strict=True))
    )
    logits = classifier.apply(
      {"params": params}, shown(both), train=True, rngs={"dropout": key}
    )
    each = losses.cross_entropy(logits, both.domain)
    count = len(source.weight)
    matters = jnp.concatenate(
      [importance(source, gather), importance(target, gather)]
    )
    weighed = each * both.weight * matters
    total = (weighed[:count].mean() + weighed[count:].mean()) / 2
    ones = jnp.ones_like(each)
    return total, {
      "domain_loss": metrics.average(each, ones),
      "domain_accuracy": metrics.accuracy(logits, both.domain, ones),
    }

  return Alignment(init, loss, adversarial=True)
