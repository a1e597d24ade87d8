"""An attack from its three parts."""

from typing import Any

import jax

from robust_jax.types import (
  Array,
  Attack,
  Key,
  LogitsFn,
  Objective,
  PerturbationSet,
  Search,
)
from robust_jax.victim import victim


def compose(
  search: Search, pset: PerturbationSet, objective: Objective, **hyper: Any
) -> Attack:
  """The attack that searches `pset` for the largest `objective`.

  The result is a pure function to be jitted: one compiled program, a
  `fori_loop` inside. On the CPU backend the model's convolutions are put into
  the form that is fast in loops (`canonicalize`).

      attack = compose(search.pgd, perturbations.linf(0.3),
                       losses.cross_entropy, num_steps=40)
      logits_fn = jax.tree_util.Partial(model.apply, variables)
      x_adv = jax.jit(attack)(key, logits_fn, x, labels)

  With `Partial`, as here, new parameters of the same shape do not recompile.

  Args:
    search: how to look; see `robust_jax.search`.
    pset: where to look; see `robust_jax.perturbations`.
    objective: what to maximise; see `robust_jax.losses`. With
      `losses.targeted(...)` the labels are those that the adversary wants.
    **hyper: the search's own keyword arguments.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, x_adv `[B, ...]` in [0, 1] with x's
    dtype. It raises ValueError on images or labels that cannot be meant.
  """

  def attack(key: Key, logits_fn: LogitsFn, x: Array, labels: Array) -> Array:
    model = victim(logits_fn, x, labels)

    def objective_of_x(x_adv: Array) -> Array:
      return objective(model(x_adv), labels)

    result = search(key, objective_of_x, pset, x, **hyper)
    return jax.lax.stop_gradient(pset.apply(x, result.theta))

  return attack
