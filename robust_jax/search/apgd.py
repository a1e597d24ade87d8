"""Auto-PGD (APGD): gradient ascent that chooses its own step sizes."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks, tree
from robust_jax.perturbations import first_order_step
from robust_jax.search import ascent
from robust_jax.types import Array, Key, PerturbationSet, PyTree, SearchResult


class _Step(NamedTuple):
  """Loop state of one iteration."""

  delta: PyTree
  previous: PyTree
  grad: PyTree
  step_size: Array
  best: SearchResult
  best_grad: PyTree
  last_value: Array
  num_rises: Array
  best_at_check: Array
  halved_at_check: Array


def apgd(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  *,
  num_steps: int = 100,
  start: PyTree | None = None,
  rho: float = 0.75,
) -> SearchResult:
  """Auto-PGD (APGD): momentum steps of two radii, halved where progress stalls.

  At fixed checkpoints (`checkpoints`) an example whose objective rose in fewer
  than a fraction `rho` of the steps since the last checkpoint, or whose best
  value has not changed, returns to its best point with half the step size. It
  makes `num_steps + 1` forward and `num_steps` backward passes, and one forward
  pass for the clean point.

  Args:
    key: random key, consumed by the random start.
    objective: x' `[B, ...]` -> `[B]`.
    pset: the perturbation set; linf and `l2(eps, exact=False)` are the
      published cases.
    x: clean inputs `[B, ...]`.
    num_steps: number of steps of the single run.
    start: delta to start from; by default `pset.sample`.
    rho: fraction of rising steps below which the step size is halved.

  Raises:
    ValueError: num_steps is not a whole number, 1 or more.

  Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness
  with an ensemble of diverse parameter-free attacks", algorithm 1. Where the
  authors' code differs, it follows the code: the step before a return to the
  best point stays in the momentum; the first step counts as rising if the
  objective after it is positive; the first checkpoint never finds "no
  improvement".

  Deviation: the clean point is a candidate as well.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> objective = lambda x: x.sum(axis=-1)
    >>> found = search.apgd(jax.random.key(0), objective, pset, x, num_steps=4)
    >>> print(found.value.round(3))
    [2.25 2.25]
  """
  checks.at_least_one("num_steps", num_steps)
  windows = jnp.asarray(_windows(num_steps), jnp.float32)
  delta = pset.sample(key, x) if start is None else start
  best, grad = ascent.score_and_gradient(objective, pset, x, delta)
  batch = jnp.zeros(tree.batch_size(x), jnp.float32)
  state = _Step(
    delta=delta,
    previous=delta,
    grad=grad,
    step_size=batch + 2.0,
    best=best,
    best_grad=grad,
    last_value=batch,
    num_rises=batch,
    best_at_check=best.value,
    halved_at_check=batch > -1,
  )

  def move(i, s: _Step) -> PyTree:
    ahead = first_order_step.step(pset, x, s.delta, s.grad, s.step_size)
    weight = jnp.where(i == 0, 1.0, 0.75)
    mixed = jax.tree.map(
      lambda t, new, old: t + weight * (new - t) + (1 - weight) * (t - old),
      s.delta,
      ahead,
      s.previous,
    )
    return pset.project(x, mixed)

  def step(i, s: _Step) -> _Step:
    delta = move(i, s)
    here, grad = ascent.score_and_gradient(objective, pset, x, delta)
    better = here.value > s.best.value
    s = s._replace(
      delta=delta,
      previous=s.delta,
      grad=grad,
      best=tree.where(better, here, s.best),
      best_grad=tree.where(better, grad, s.best_grad),
      num_rises=s.num_rises + (here.value > s.last_value),
      last_value=here.value,
    )
    return jax.lax.cond(
      windows[i] > 0, lambda s: _check(s, rho * windows[i]), lambda s: s, s
    )

  state = jax.lax.fori_loop(0, num_steps - 1, step, state)
  last = ascent.score(objective, pset, x, move(num_steps - 1, state))
  clean = ascent.score(objective, pset, x, pset.zero(x))
  return tree.better(clean, tree.better(state.best, last))


def checkpoints(num_steps: int) -> list[int]:
  """Numbers of steps after which progress is checked, `p_j * num_steps`.

  The windows between them shrink from 0.22 of the steps by 0.03 at a time to
  0.06, in whole steps as the authors' code rounds.

  Source: Croce and Hein 2020, section 3.

  Example:
    >>> from robust_jax.search.apgd import checkpoints
    >>> checkpoints(100)[:3]
    [22, 41, 57]
  """
  window = max(int(0.22 * num_steps), 1)
  shrink, smallest = (
    max(int(0.03 * num_steps), 1),
    max(int(0.06 * num_steps), 1),
  )
  found, done = [], window
  while done <= num_steps:
    found.append(done)
    window = max(window - shrink, smallest)
    done += window
  return found


def _windows(num_steps: int) -> np.ndarray:
  """For each step the length of the window that ends with it, otherwise 0."""
  windows = np.zeros(num_steps)
  ends = checkpoints(num_steps)
  windows[np.asarray(ends) - 1] = np.diff([0, *ends])
  return windows


def _check(s: _Step, enough_rises: Array) -> _Step:
  stalled = ~s.halved_at_check & (s.best_at_check >= s.best.value)
  halve = (s.num_rises <= enough_rises) | stalled
  return s._replace(
    delta=tree.where(halve, s.best.delta, s.delta),
    grad=tree.where(halve, s.best_grad, s.grad),
    step_size=jnp.where(halve, s.step_size / 2, s.step_size),
    num_rises=jnp.zeros_like(s.num_rises),
    best_at_check=s.best.value,
    halved_at_check=halve,
  )
