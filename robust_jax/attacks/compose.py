"""Attacks composed of a search, a perturbation set and an objective."""

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
  """Composes an attack from a search, a perturbation set and an objective.

  The attack is one compiled program; `standalone` describes what it checks and
  which programs are kept. On the CPU backend the model's convolutions are
  rewritten into a form that is fast inside loops (`canonicalize`).

  The set determines the valid inputs, the objective the valid targets. With
  `losses.kl` the targets are the clean logits, as in the inner problem of
  TRADES; with a custom objective they can be any pytree, such as padded boxes
  for a detector. Activations are attacked in the same way, as inputs of the
  layers above them; see `perturbations.feature`.

  Args:
    search: the search; see `robust_jax.search`.
    pset: the perturbation set; see `robust_jax.perturbations`. Its `check`
      raises ValueError for unsuitable x.
    objective: the function to maximize; see `robust_jax.losses`. Before
      anything is computed it is checked with the shapes of the model's outputs
      and with the targets themselves (`checks.objective`). With
      `losses.targeted(...)` the labels are the target classes.
    **hyper: keyword arguments of the search.

  Returns:
    `(key, model, x, targets) -> x_adv`, with the structure, shapes and dtypes
    of x. It raises ValueError for unsuitable inputs, outputs or targets.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import losses, perturbations, search
    >>> from robust_jax.attacks import compose
    >>> attack = compose(search.fgsm, perturbations.linf(0.25), losses.margin)
    >>> x, y, w = jnp.full((1, 3), 0.5), jnp.array([0]), jnp.eye(3)
    >>> attack(jax.random.key(0), lambda x: x @ w, x, y)[0, 0]  # of class 0
    Array(0.25, dtype=float32)
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
