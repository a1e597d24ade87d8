"""An attack on a hidden layer, from its three parts."""

from typing import Any

import jax

from robust_jax.attacks.standalone import standalone
from robust_jax.objective import of_model
from robust_jax.on_cpu import canonicalize_on_cpu
from robust_jax.types import (
  Array,
  Attack,
  Key,
  LogitsFn,
  Objective,
  PerturbationSet,
  Search,
)


def at_features(
  search: Search, pset: PerturbationSet, objective: Objective, **hyper: Any
) -> Attack:
  """As `compose`, but what is perturbed is what a hidden layer answers.

      attack = at_features(search.pgd, perturbations.feature(1.0),
                           losses.cross_entropy)
      model = split(SmallCNN(), variables)
      h_adv = attack(key, model, x, labels)
      logits = model.head(h_adv)

  The hidden layer is asked once; what the search pays for are passes through
  the rest of the model.

  Args:
    search: how to look; see `robust_jax.search`.
    pset: where to look around the activations: `perturbations.feature`.
    objective: what to maximise; see `robust_jax.losses`.
    **hyper: the search's own keyword arguments.

  Returns:
    `(key, model, x, labels) -> h_adv`: from images x `[B, ...]` in [0, 1] to
    perturbed activations, of the shape of `model.features(x)`. The model is a
    `SplitModel`. It raises ValueError on another one, and on images or labels
    that cannot be meant.
  """

  @standalone
  def attack(key: Key, logits_fn: LogitsFn, x: Array, labels: Array) -> Array:
    if not (hasattr(logits_fn, "features") and hasattr(logits_fn, "head")):
      raise ValueError(
        "an attack on features was given a model in one piece: wanted one "
        "with `features` and `head`, such as models.split makes."
      )
    hidden = canonicalize_on_cpu(logits_fn.features)(x)
    head = canonicalize_on_cpu(logits_fn.head)
    objective_of_hidden = of_model(objective, head, labels)
    result = search(key, objective_of_hidden, pset, hidden, **hyper)
    return jax.lax.stop_gradient(pset.apply(hidden, result.theta))

  return attack
