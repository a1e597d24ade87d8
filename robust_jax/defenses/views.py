"""Views of images, the same for all images of a batch."""

import dataclasses

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.types import Array, Augmentation, PerturbationSet

__all__ = ["GridViews", "RandomViews"]


@dataclasses.dataclass(frozen=True)
class GridViews:
  """All points of a perturbation set's grid, such as flips and shifts.

  Maps x `[B, H, W, C]` to `[V, B, H, W, C]`.

  Attributes:
    pset: a set with a grid.
    n: number of values of each parameter, as for the set's `grid`.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> from robust_jax.defenses.views import GridViews
    >>> flips = GridViews(perturbations.shift(0, flip="horizontal"), 1)
    >>> flips(jnp.zeros((2, 4, 4, 1))).shape
    (2, 2, 4, 4, 1)
  """

  pset: PerturbationSet
  n: int | tuple[int, ...]

  def __post_init__(self):
    if self.pset.grid is None:
      raise ValueError(
        "GridViews of a set without a grid: use RandomViews instead."
      )

  def __call__(self, x: Array) -> Array:
    assert self.pset.grid is not None  # see __post_init__
    grid = self.pset.grid(x, self.n)
    view = lambda index: self.pset.apply(x, grid.at(index))
    return jax.vmap(view)(jnp.arange(grid.size))


@dataclasses.dataclass(frozen=True)
class RandomViews:
  """The image itself and random augmentations, drawn once for all images.

  Maps x `[B, H, W, C]` to `[V, B, H, W, C]`. The views of an image depend
  neither on the other images of its batch nor on previous calls.

  Attributes:
    augmentation: augmentation that makes a view.
    count: V, including the image itself.
    seed: seed of the draws.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.defenses.views import RandomViews
    >>> noise = lambda key, x: x + jax.random.normal(key, x.shape)
    >>> RandomViews(noise, count=3)(jnp.zeros((2, 4, 4, 1))).shape
    (3, 2, 4, 4, 1)
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
