"""An attack from its three parts."""

import functools
from typing import Any

import jax

from robust_jax import checks
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


def compose(
  search: Search, pset: PerturbationSet, objective: Objective, **hyper: Any
) -> Attack:
  """The attack that searches `pset` for the largest `objective`.

  The result is one compiled program, a `fori_loop` inside; see `standalone` for
  what it checks and keeps. On the CPU backend the model's convolutions are put
  into the form that is fast in loops (`canonicalize`).

      attack = compose(search.pgd, perturbations.linf(0.3),
                       losses.cross_entropy, num_steps=40)
      x_adv = attack(key, frozen(model, variables), x, labels)

  Args:
    search: how to look; see `robust_jax.search`.
    pset: where to look; see `robust_jax.perturbations`.
    objective: what to maximise; see `robust_jax.losses`. With
      `losses.targeted(...)` the labels are those that the adversary wants.
    **hyper: the search's own keyword arguments.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, x_adv `[B, ...]` in [0, 1] with x's
    dtype. It raises ValueError on images, labels or a model's answer that
    cannot be meant.
  """

  @functools.partial(standalone, check=pset.check or checks.images)
  def attack(key: Key, logits_fn: LogitsFn, x: Array, labels: Array) -> Array:
    model = canonicalize_on_cpu(logits_fn)
    objective_of_x = of_model(objective, model, labels)
    result = search(key, objective_of_x, pset, x, **hyper)
    return jax.lax.stop_gradient(pset.apply(x, result.theta))

  return attack
