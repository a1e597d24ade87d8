"""Products: one perturbation after another."""

from collections.abc import Callable, Sequence

import jax

from robust_jax.perturbations import first_order_step
from robust_jax.types import Array, Grid, Key, PerturbationSet, PyTree

GridFn = Callable[[PyTree, int | Sequence[int]], Grid]


def product(a: PerturbationSet, b: PerturbationSet) -> PerturbationSet:
  """Product of two sets: a perturbation of `a`, followed by one of `b`.

  delta is a pair. Each part has its own radius, steps and projection, the
  second within the box that the first leaves. For example, `product(affine(),
  linf(0.1))` rotates an image and then adds noise. The parts may be products
  themselves.

  Args:
    a: set that acts on x.
    b: set that acts on `a.apply(x, delta_a)`, and is projected there.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.perturbations import linf, product, shift
    >>> pset = product(shift(1), linf(0.25))
    >>> x = jnp.zeros((1, 2, 2, 1))
    >>> moved, noise = pset.zero(x)
    >>> pset.project(x, (moved, noise + 1))[1].max()
    Array(0.25, dtype=float32)
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
    grid=_grid(a.grid, b.grid) if a.grid and b.grid else None,
    step=step,
  )


def _grid(a: GridFn, b: GridFn) -> GridFn:
  """Grid of all pairs, in which the delta of `b` varies fastest."""

  def grid(x: PyTree, n: int | Sequence[int]) -> Grid:
    first, second = a(x, n), b(x, n)

    def at(index):
      return first.at(index // second.size), second.at(index % second.size)

    return Grid(first.size * second.size, at)

  return grid
