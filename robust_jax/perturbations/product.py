"""Two sets at once: one change after the other."""

import jax

from robust_jax.perturbations import first_order_step
from robust_jax.types import Array, Grid, Key, PerturbationSet, PyTree


def product(a: PerturbationSet, b: PerturbationSet) -> PerturbationSet:
  """Perturbations of `a`, and then of `b` on what `a` has made of x.

  delta is the pair of both; each part has its own radius, steps and
  projection, the second in the box that the first leaves it.
  `product(affine(), linf(0.1))` rotates and then adds noise; the parts may
  themselves be products.

  Args:
    a: acts on x.
    b: acts on `a.apply(x, delta_a)`, and is projected there.
  """

  def sample(key: Key, x: Array) -> PyTree:
    key_a, key_b = jax.random.split(key)
    delta = a.sample(key_a, x)
    return delta, b.sample(key_b, a.apply(x, delta))

  def project(x, delta):
    first = a.project(x, delta[0])
    return first, b.project(a.apply(x, first), delta[1])

  def step(x, delta, grad, size):
    first = first_order_step.step(a, x, delta[0], grad[0], size)
    between = a.apply(x, first)
    return first, first_order_step.step(b, between, delta[1], grad[1], size)

  def check(x):
    a.check(x)
    b.check(x)

  return PerturbationSet(
    zero=lambda x: (a.zero(x), b.zero(x)),
    sample=sample,
    project=project,
    linear_maximizer=lambda x, grad: (
      a.linear_maximizer(x, grad[0]),
      b.linear_maximizer(x, grad[1]),
    ),
    apply=lambda x, delta: b.apply(a.apply(x, delta[0]), delta[1]),
    check=check,
    grid=_grid(a, b) if a.grid and b.grid else None,
    step=step,
  )


def _grid(a: PerturbationSet, b: PerturbationSet):
  """Every delta of `a` with every delta of `b`, those of `b` changing first."""

  def grid(x: Array, n: int) -> Grid:
    first, second = a.grid(x, n), b.grid(x, n)

    def at(index):
      return first.at(index // second.size), second.at(index % second.size)

    return Grid(first.size * second.size, at)

  return grid
