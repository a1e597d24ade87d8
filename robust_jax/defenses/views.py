"""Several views of each image, the same ones for every image."""

import dataclasses

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.types import Array, Augmentation, PerturbationSet


@dataclasses.dataclass(frozen=True)
class GridViews:
  """Every point of a perturbation set's grid, such as flips and shifts.

  x `[B, H, W, C]` -> `[V, B, H, W, C]`.

  Attributes:
    pset: a set with a grid.
    n: values of each parameter, as the set's `grid` takes them.
  """

  pset: PerturbationSet
  n: int | tuple[int, ...]

  def __post_init__(self):
    if self.pset.grid is None:
      raise ValueError(
        "a set without a grid: draw views of it by `RandomViews`."
      )

  def __call__(self, x: Array) -> Array:
    grid = self.pset.grid(x, self.n)
    view = lambda index: self.pset.apply(x, grid.at(index))
    return jax.vmap(view)(jnp.arange(grid.size))


@dataclasses.dataclass(frozen=True)
class RandomViews:
  """The image itself, and draws of an augmentation that all images fraction.

  x `[B, H, W, C]` -> `[V, B, H, W, C]`. So the views of an image do not depend
  on the others of its batch, nor on when it is asked about.

  Attributes:
    augmentation: what makes a view.
    count: V, the image itself among them.
    seed: of the draws.
  """

  augmentation: Augmentation
  count: int = 8
  seed: int = 0

  def __post_init__(self):
    checks.at_least_one("count", self.count)

  def __call__(self, x: Array) -> Array:
    keys = jax.random.split(jax.random.key(self.seed), self.count)[1:]
    views = [x]
    for key in keys:
      of_one = lambda image, key=key: self.augmentation(key, image[None])[0]
      views.append(jax.vmap(of_one)(x))
    return jnp.stack(views)
