"""An attack from its three parts."""

import functools
from typing import Any

import jax

from robust_jax import checks
from robust_jax.attacks.standalone import standalone
from robust_jax.objective import of_model
from robust_jax.types import (
  Attack,
  Key,
  Model,
  Objective,
  PerturbationSet,
  PyTree,
  Search,
)
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


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

  Inputs are what the set is for, targets what the objective takes: with
  `losses.kl` the targets are the clean logits, as in the inner problem of
  TRADES; with an objective of yours they are any pytree, such as padded boxes
  for a detector. Activations are attacked by the same function, as inputs of
  the layers above them: see `perturbations.feature`.

  Args:
    search: how to look; see `robust_jax.search`.
    pset: where to look; see `robust_jax.perturbations`. Its `check` refuses x.
    objective: what to maximize; see `robust_jax.losses`. Before anything is
      computed it is given the shapes of the model's outputs and the targets as
      they are (`checks.objective`), and refuses those it is not for. With
      `losses.targeted(...)` the labels are those that the adversary wants.
    **hyper: the search's own keyword arguments.

  Returns:
    `(key, model, x, targets) -> x_adv`, of the structure, shapes and dtypes of
    x. It raises ValueError on inputs, outputs or targets that cannot be meant.
  """

  @functools.partial(
    standalone,
    check_input=pset.check,
    check_outputs=functools.partial(checks.objective, objective),
  )
  def attack(key: Key, model: Model, x: PyTree, targets: PyTree) -> PyTree:
    model = canonicalize_on_cpu(model)
    objective_of_x = of_model(objective, model, targets)
    result = search(key, objective_of_x, pset, x, **hyper)
    return jax.lax.stop_gradient(pset.apply(x, result.delta))

  return attack
