"""Square attack in the three norms of AutoAttack."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks, losses, tree
from robust_jax.attacks.lp_ball import ball
from robust_jax.attacks.standalone import standalone
from robust_jax.search import ascent, square_window
from robust_jax.search.square import num_halvings, sides
from robust_jax.search.square import square as linf_search
from robust_jax.types import (
  Array,
  Attack,
  Key,
  Model,
  Norm,
  PerturbationSet,
  SearchResult,
)
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu
from robust_jax.xla_cpu.materialize import materialize


def square(
  norm: Norm,
  eps: Array | float,
  *,
  num_queries: int = 5000,
  fraction: float = 0.8,
) -> Attack:
  """Square attack: random search over square windows, without gradients.

  In Linf it is `search.square` in the ball. In L2 and L1 a query moves the
  change of one window into another one, where it takes the shape of two bumps
  of opposite sign; positions and shapes are drawn once for the whole batch, the
  signs for each image and channel.

  Args:
    norm: "linf", "l2" or "l1".
    eps: radius in input units; a float, a tracer or `[B]`.
    num_queries: number of proposals; the start takes one more forward pass.
    fraction: fraction of the pixels covered by the first windows.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv` for images `[B, H, W, C]`.

  Raises:
    ValueError: the norm is unknown, num_queries is not a whole number, 1 or
      more, or the inputs are not images.

  Source: Andriushchenko et al. 2020, "Square Attack", algorithms 1 to 3, and
  Croce and Hein 2021 for L1, in the form of AutoAttack: the margin as loss, and
  the schedule of 10,000 queries whatever their number.

  Deviation: windows and signs of Linf are drawn for each image, as in the
  paper, not for the batch.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import square
    >>> model = lambda x: x.reshape(len(x), -1)[:, :2]
    >>> x, y = jnp.full((1, 4, 4, 1), 0.5), jnp.array([0])
    >>> attack = square("linf", 0.25, num_queries=50)
    >>> x_adv = attack(jax.random.key(0), model, x, y)
    >>> int(model(x_adv).argmax()) != 0, float(jnp.abs(x_adv - x).max())
    (True, 0.25)
  """
  checks.at_least_one("num_queries", num_queries)
  pset = ball(norm, eps)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    model = canonicalize_on_cpu(logits_fn)
    return resume_square(
      key, model, x, labels, x, 0, norm, pset, num_queries, fraction
    )

  return attack


def resume_square(
  key: Key,
  model: Model,
  x: Array,
  labels: Array,
  x_now: Array,
  num_done: Array | int,
  norm: Norm,
  pset: PerturbationSet,
  num_queries: int,
  fraction: float = 0.8,
) -> Array:
  """Makes `num_queries` more proposals, continuing after `num_done` of them."""
  if x.ndim != 4:
    raise ValueError(
      f"inputs of shape {x.shape}: the Square attack expects images "
      "[B, H, W, C]."
    )

  def objective(x_adv):
    return losses.margin(model(x_adv), labels)

  key_start, key_steps = jax.random.split(key)
  first = _stripes if norm == "linf" else _tiles
  start = pset.project(x, pset.linear_maximizer(x, first(key_start, x, norm)))
  if norm == "l1":
    start = pset.project(x, first(key_start, x, norm))
  delta = jnp.where(num_done == 0, start, x_now.astype(jnp.float32) - x)
  if norm == "linf":
    result = linf_search(
      key_steps,
      objective,
      pset,
      x,
      num_queries=num_queries,
      fraction=fraction,
      start=delta,
      num_done=num_done,
    )
  else:
    result = _lp_search(
      key_steps,
      objective,
      pset,
      x,
      delta,
      norm,
      num_done,
      num_queries,
      fraction,
    )
  return jax.lax.stop_gradient(pset.apply(x, result.delta))


def _lp_search(
  key: Key,
  objective: Callable[[Array], Array],
  pset: PerturbationSet,
  x: Array,
  delta: Array,
  norm: Norm,
  num_done: Array | int,
  num_queries: int,
  fraction: float,
) -> SearchResult:
  _, height, width, _ = x.shape
  odd = sides(height, width, fraction, smallest=3) // 2 * 2 + 1
  odd = np.minimum(odd, min(height, width))
  shapes = jnp.asarray([_rings(side, norm, height, width) for side in odd])

  def step(i, best: SearchResult) -> SearchResult:
    key_place, key_rotate, key_sign = jax.random.split(
      jax.random.fold_in(key, i), 3
    )
    halvings = num_halvings(num_done + i)
    side = jnp.asarray(odd)[halvings]
    space = jnp.asarray([height, width, height, width]) - side
    places = jnp.floor(jax.random.uniform(key_place, (4,)) * space)
    places = places.astype(jnp.int32)
    rings = shapes[halvings]
    if height == width:
      rings = jnp.where(jax.random.bernoulli(key_rotate), rings.T, rings)
    rings = jnp.roll(rings, places[:2], (0, 1))[:, :, None]
    to, away = (
      _window(p, side, height, width) for p in (places[:2], places[2:])
    )
    signs = jax.random.rademacher(
      key_sign, (len(x), 1, 1, x.shape[3]), jnp.float32
    )
    moved = _move(best.delta, to, away, rings * signs, norm, pset, x)
    return tree.better(best, ascent.score(objective, pset, x, moved))

  first = ascent.score(objective, pset, x, delta)
  return jax.lax.fori_loop(0, num_queries, step, first)


def _move(delta, to, away, rings, norm, pset, x) -> Array:
  """Moves the change of both windows, and the unused radius, into `to`."""
  length = _LENGTH[norm]
  channels = x.shape[3]
  radius = length(pset.linear_maximizer(x, rings), (1, 2, 3))
  used = length(delta, (1, 2, 3))
  here = length(delta * to, (1, 2))
  shape = rings + delta * to / (1e-12 + here)
  shape = shape * to
  both = length(delta * jnp.maximum(to, away), (1, 2))
  if norm == "l2":
    free = jnp.maximum(radius**2 - used**2, 0) / channels
    budget = jnp.sqrt(free + both**2)
  else:
    budget = jnp.maximum(radius - used, 0) + both * channels
  new = shape / (1e-12 + length(shape, (1, 2))) * budget
  moved = materialize(jnp.where(to > 0, new, delta * (1 - away)))
  if norm == "l2":
    moved = pset.linear_maximizer(x, moved)
  return pset.project(x, moved)


_LENGTH = {
  "l2": lambda t, axes: jnp.sqrt((t**2).sum(axes, keepdims=True)),
  "l1": lambda t, axes: jnp.abs(t).sum(axes, keepdims=True),
}


def _window(place: Array, side: Array, height: int, width: int) -> Array:
  rows, columns = jnp.arange(height), jnp.arange(width)
  row = (rows >= place[0]) & (rows < place[0] + side)
  column = (columns >= place[1]) & (columns < place[1] + side)
  return (row[:, None] & column)[:, :, None].astype(jnp.float32)


def _stripes(key: Key, x: Array, norm: Norm) -> Array:
  del norm
  batch, _, width, channels = x.shape
  signs = jax.random.rademacher(key, (batch, 1, width, channels), jnp.float32)
  return jnp.broadcast_to(signs, x.shape)


def _tiles(key: Key, x: Array, norm: Norm) -> Array:
  """Bumps in tiles of a fifth of the shorter side, each with its own sign."""
  batch, height, width, channels = x.shape
  side = max(min(height, width) // 5, 1)
  top, left = (max((n - 5 * side) // 2, 0) for n in (height, width))
  rows, columns = height // side, width // side
  key_rotate, key_sign = jax.random.split(key)
  rotate = jax.random.bernoulli(key_rotate, shape=(rows, 1, columns, 1))
  tile = jnp.asarray(_rings(side, norm, side, side))[None, :, None, :]
  tiles = jnp.where(rotate, tile.transpose(0, 3, 2, 1), tile)
  shape = (batch, rows, 1, columns, 1, channels)
  tiles = tiles[..., None] * jax.random.rademacher(key_sign, shape, jnp.float32)
  tiles = tiles.reshape(batch, rows * side, columns * side, channels)
  tiles = tiles[:, : height - top, : width - left]
  below, right = height - top - tiles.shape[1], width - left - tiles.shape[2]
  return jnp.pad(tiles, ((0, 0), (top, below), (left, right), (0, 0)))


def _rings(side: int, norm: Norm, height: int, width: int) -> np.ndarray:
  """The bumps of `square_window`, in the corner of an array `[H, W]`."""
  placed = np.zeros((height, width), np.float32)
  placed[:side, :side] = square_window.bumps(side, norm)
  return placed
