"""Variants of an example that were prepared beforehand."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from robust_jax.perturbations import _grid as lattice
from robust_jax.types import Array, Grid, Key, PerturbationSet, PyTree


def variants() -> PerturbationSet:
  """The example itself, and variants of it that x brings along.

  x is a mapping whose entry "variants" has the same entries as x, with a second
  axis of V variants: for a text `{"tokens": [B, T], "mask": [B, T], "variants":
  {"tokens": [B, V, T], "mask": [B, V, T]}}`, such as copies with typos, which
  only the host can make. delta `[B, V]` is one-hot at the variant that takes
  the place of x, and 0 for x itself.

  With `augmentation.perturb` a training step sees a random one of these; with
  `search.grid_search` and `training_losses.pgd_at`, the worst of all.

  `sample` draws x or a variant, all with equal probability; `project` and
  `linear_maximizer` choose the variant of the largest entry, if it is nearer
  than x, or better. `apply` has no gradient in delta. `grid(x, n)` has the
  first n variants.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> copies = {"tokens": jnp.array([[[7, 0], [8, 9]]])}
    >>> x = {"tokens": jnp.array([[7, 9]]), "variants": copies}
    >>> pset = perturbations.variants()
    >>> delta = pset.linear_maximizer(x, jnp.array([[0.0, 1.0]]))
    >>> pset.apply(x, delta)["tokens"]
    Array([[8, 9]], dtype=int32)
  """

  def shape_of(x: PyTree) -> tuple[int, int]:
    return jax.tree.leaves(x["variants"])[0].shape[:2]

  def best(x: PyTree, gain: Array) -> Array:
    one_hot = jax.nn.one_hot(gain.argmax(axis=1), shape_of(x)[1])
    return jnp.where(gain.max(axis=1, keepdims=True) > 0, one_hot, 0.0)

  def sample(key: Key, x: PyTree) -> Array:
    batch, number = shape_of(x)
    drawn = jax.random.randint(key, (batch,), 0, number + 1)
    return jax.nn.one_hot(drawn, number)  # no entry for x itself, the last

  def apply(x: PyTree, delta: Array) -> PyTree:
    which, replaced = delta.argmax(axis=1), delta.max(axis=1) > 0.5

    def choose(own: Array, others: Array) -> Array:
      axes = range(1, others.ndim - 1)
      chosen = jnp.take_along_axis(
        others, jnp.expand_dims(which, (*axes, others.ndim - 1)), axis=1
      )[:, 0]
      return jnp.where(jnp.expand_dims(replaced, tuple(axes)), chosen, own)

    own = {name: x[name] for name in x["variants"]}
    return {**x, **jax.tree.map(choose, own, dict(x["variants"]))}

  def grid(x: PyTree, n: int | Sequence[int]) -> Grid:
    batch, number = shape_of(x)
    at = lambda index: jnp.tile(jax.nn.one_hot(index, number), (batch, 1))
    return Grid(min(lattice.single_count(n), number), at)

  return PerturbationSet(
    zero=lambda x: jnp.zeros(shape_of(x), jnp.float32),
    sample=sample,
    # Of vectors of zeros and ones v, |v - delta|^2 = <1 - 2 delta, v> + const.
    project=lambda x, delta: best(x, 2 * delta - 1),
    linear_maximizer=best,
    apply=apply,
    check=_check,
    grid=grid,
  )


def _check(x: PyTree) -> None:
  copies = x.get("variants") if isinstance(x, dict) else None
  if not copies or not copies.keys() <= x.keys() - {"variants"}:
    raise ValueError(
      f"x without variants of its own ({_names(x)}): expected a dict with an "
      "entry 'variants', which has other entries of x, [B, V, ...]."
    )
  for name, copy in copies.items():
    own = x[name]
    if (copy.shape[0], *copy.shape[2:]) != own.shape or not math.prod(
      copy.shape
    ):
      raise ValueError(
        f"variants of '{name}' of shape {copy.shape}: expected [B, V, ...] "
        f"where x has {own.shape}, with one or more."
      )


def _names(x: PyTree) -> str:
  return ", ".join(x) if isinstance(x, dict) else type(x).__name__
