"""Alignment by an adversary: the loss of a domain classifier."""

from collections.abc import Callable
from typing import cast

import flax.linen as nn
import jax.numpy as jnp

from robust_jax import losses, metrics
from robust_jax.adaptation.records import Alignment, Gather, View, no_gather
from robust_jax.types import Array, Key, PyTree

ClassifierInputs = Callable[[View], Array]
"""View -> `[B, ...]`, the inputs of the domain classifier."""

Importance = Callable[[View, Gather], Array]
"""View -> importance weights `[B]` of the examples, of mean 1 in the batch."""


def domain_adversary(
  classifier: nn.Module, inputs: ClassifierInputs, importance: Importance
) -> Alignment:
  """Makes an alignment of a domain classifier and its cross-entropy.

      loss = (mean over the sources + mean over the target) / 2

  of the weighted cross-entropy of each example's domain. It is log 2 for two
  domains that cannot be told apart.

  Args:
    classifier: a module from its inputs to logits `[B, domains]`.
    inputs: the classifier's inputs.
    importance: importance weights of the examples.
  """

  def init(key: Key, view: View) -> PyTree:
    return classifier.init(key, inputs(view))["params"]

  def loss(
    params: PyTree,
    source: View,
    target: View,
    key: Key,
    gather: Gather = no_gather,
  ):
    both = View(
      *(jnp.concatenate(leaves) for leaves in zip(source, target, strict=True))
    )
    logits = cast(
      Array,
      classifier.apply(
        {"params": params}, inputs(both), train=True, rngs={"dropout": key}
      ),
    )
    each = losses.cross_entropy(logits, both.domain)
    count = len(source.weight)
    importances = jnp.concatenate(
      [importance(source, gather), importance(target, gather)]
    )
    weighted = each * both.weight * importances
    total = (weighted[:count].mean() + weighted[count:].mean()) / 2
    ones = jnp.ones_like(each)
    return total, {
      "domain_loss": metrics.average(each, ones),
      "domain_accuracy": metrics.accuracy(logits, both.domain, ones),
    }

  return Alignment(init, loss, adversarial=True)
