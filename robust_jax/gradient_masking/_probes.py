"""Measurements for the masking checks: pure functions, without verdicts."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from robust_jax import losses, tree
from robust_jax.objective import of_model, surrogate_of
from robust_jax.search import fgsm, pgd, random_search
from robust_jax.types import (
  Array,
  Key,
  Model,
  Objective,
  PerturbationSet,
  Search,
)
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu

# Far above the rounding of float32 logits, far below the size of an attack.
_PROBE_STEP = 0.01
_NUM_DIRECTIONS = 8
_NUM_DRAWS = 50
# Relative; values that differ by less are equal up to rounding.
_ROUNDING = 4 * float(jnp.finfo(jnp.float32).eps)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Plan:
  """Static parameters of the checks.

  Attributes:
    make_set: radius -> perturbation set.
    objective: loss that PGD maximizes.
    black_box: a search without gradients.
    num_steps: number of steps of a run of PGD.
    step_size: fraction of the radius.
    restarts: number of runs of PGD.
  """

  make_set: Callable[[Array], PerturbationSet]
  objective: Objective
  black_box: Search
  num_steps: int
  step_size: float
  restarts: int


class RepeatedOutputs(NamedTuple):
  """The model's outputs for the same images, computed in several ways.

  Attributes:
    first: logits `[N, K]`.
    again: logits of a second evaluation.
    reversed_order: logits of the batch in reverse order, in the original order.
    half_batch: `[max(1, N // 2), K]`, logits of the first images without the
      others.
  """

  first: Array
  again: Array
  reversed_order: Array
  half_batch: Array


class Probes(NamedTuple):
  """Measurements on N images, at E radii.

  Attributes:
    correct: `[N]` bool, whether the clean image is classified correctly.
    gradients: loss -> `[N]`, the largest absolute entry of the input gradient;
      not finite if one entry is not. "surrogate_loss" is what PGD maximizes.
    misled: `[N]` bool, whether small random steps change the margin differently
      than its gradient predicts.
    misclassified: search -> `[E, N]` bool, whether the result of the search is
      misclassified, by one more evaluation.
    unseen: `[E, N]` bool, whether some search changed a correct prediction
      while the objective has the same value as at the clean image.
  """

  correct: Array
  gradients: dict[str, Array]
  misled: Array
  misclassified: dict[str, Array]
  unseen: Array | None = None


def evaluate_repeatedly(logits_fn: Model, x: Array) -> RepeatedOutputs:
  """Evaluates the model in several ways.

  Compiled once and called twice, it shows what is drawn while tracing and what
  is drawn while running.
  """
  half = max(1, x.shape[0] // 2)
  return RepeatedOutputs(
    first=logits_fn(x),
    again=logits_fn(x),
    reversed_order=logits_fn(x[::-1])[::-1],
    half_batch=logits_fn(x[:half]),
  )


def gradients(
  model: Model, objective: Objective, x: Array, labels: Array
) -> dict[str, Array]:
  """The sizes of input gradients per loss, see `Probes.gradients`."""
  differentiated = {
    "cross_entropy": losses.cross_entropy,
    "margin": losses.margin,
    "surrogate_loss": surrogate_of(objective),
  }
  return {
    name: _largest_entry(_input_gradient(model, loss, x, labels))
    for name, loss in differentiated.items()
  }


def probe(
  key: Key,
  logits_fn: Model,
  x: Array,
  labels: Array,
  radii: Array,
  surrogate: Model | None,
  plan: Plan,
) -> Probes:
  """Measures gradients, and all searches at all radii, in one program.

  The radii are the values of a loop whose body is compiled once. All radii use
  the same keys, so that random starts differ only by the radius.
  """
  model = canonicalize_on_cpu(logits_fn)
  helper = None if surrogate is None else canonicalize_on_cpu(surrogate)
  key_misled, key_searches = jax.random.split(key)
  logits = model(x)
  clean = plan.objective(logits, labels)
  misclassified, unseen = jax.lax.map(
    lambda eps: _search_results(
      key_searches, model, x, labels, helper, eps, plan, clean
    ),
    radii,
  )
  return Probes(
    correct=logits.argmax(axis=-1) == labels,
    gradients=gradients(model, plan.objective, x, labels),
    misled=_misled(key_misled, model, x, labels),
    misclassified=misclassified,
    unseen=unseen & (logits.argmax(axis=-1) == labels),
  )


def _search_results(key, model, x, labels, surrogate, eps, plan, clean):
  """`(search -> [N], [N])`; see `Probes.misclassified` and `unseen`.

  The result of a search is `[2, N]`: whether the image is misclassified, and
  whether it is so while the objective has its clean value.
  """
  pset = plan.make_set(eps)
  # The margin distinguishes images whose cross-entropy rounds to 0.
  margin = losses.prioritize_misclassified(losses.margin)

  def run(search, key, *, loss=margin, source=model, **hyper):
    objective_of_x = of_model(loss, source, labels)
    delta = search(key, objective_of_x, pset, x, **hyper).delta
    logits = model(pset.apply(x, delta))
    wrong = logits.argmax(axis=-1) != labels
    change = jnp.abs(plan.objective(logits, labels) - clean)
    return jnp.stack([wrong, wrong & (change <= _ROUNDING * jnp.abs(clean))])

  run_pgd = functools.partial(
    run, pgd, num_steps=plan.num_steps, step_size=plan.step_size
  )
  loss = surrogate_of(losses.prioritize_misclassified(plan.objective))
  key_pgd, key_draws, key_box = jax.random.split(key, 3)
  keys = jax.random.split(key_pgd, plan.restarts)

  def either(on_margin):
    return lambda *args: jax.lax.cond(on_margin, margin, loss, *args)

  # One search in the program instead of two: it takes long to compile.
  *runs, on_margin = jax.lax.map(
    lambda job: run_pgd(job[0], loss=either(job[1])),
    (jnp.append(keys, keys[:1]), jnp.arange(plan.restarts + 1) == len(keys)),
  )
  misclassified = {
    "pgd": jnp.stack(runs).any(axis=0),
    "first_run": runs[0],
    "half_steps": run_pgd(keys[0], loss=loss, num_steps=plan.num_steps // 2),
    "one_step": run(fgsm, keys[0], loss=loss),
    "margin": on_margin,
    "random_draws": run(random_search, key_draws, num_samples=_NUM_DRAWS),
    "black_box": run(plan.black_box, key_box),
  }
  if surrogate is not None:
    misclassified["transfer"] = run_pgd(keys[0], source=surrogate)
  unseen = jnp.stack([both[1] for both in misclassified.values()]).any(axis=0)
  return {name: both[0] for name, both in misclassified.items()}, unseen


def _input_gradient(model, loss, x, labels):
  return jax.grad(lambda x: loss(model(x), labels).sum())(x)


def _largest_entry(gradient):
  """`[N]`; NaN and infinities propagate, as they should here."""
  return tree.norm(gradient, "linf")


def _misled(key, model, x, labels):
  """Tests if the gradient explains less than half of the margin's changes.

  Central differences along random signs, around a point close to the image: at
  the image itself, areas of exactly black pixels put many a relu on its kink.
  """
  bits = jax.random.bits(key, x.shape, jnp.uint32)  # a direction in each

  def off(i):
    return _PROBE_STEP * (1.0 - 2.0 * ((bits >> i) & 1))

  def margin(x):
    return losses.margin(model(x), labels)

  center = jnp.clip(x + 2 * off(_NUM_DIRECTIONS), 0.0, 1.0)
  gradient = _input_gradient(model, losses.margin, center, labels)

  def compare(i):
    step = off(i)
    up = jnp.clip(center + step, 0.0, 1.0)
    down = jnp.clip(center - step, 0.0, 1.0)
    change = margin(up) - margin(down)
    expected = tree.dot(gradient, up - down)
    return (change - expected) ** 2, change**2

  directions = jnp.arange(_NUM_DIRECTIONS, dtype=jnp.uint32)
  error, total = jax.lax.map(compare, directions)
  return error.sum(axis=0) > 0.5 * total.sum(axis=0)
