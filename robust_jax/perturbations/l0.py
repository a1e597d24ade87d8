"""L0 ball: at most k pixels change, by any amount."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.perturbations import box, pixels
from robust_jax.perturbations.top_k import largest_mask
from robust_jax.types import Array, Key, PerturbationSet

_LEAST_STEP = 0.25


def l0(
  k: Array | int, *, pixel_axes: Sequence[int] | None = None
) -> PerturbationSet:
  """L0 ball: perturbations of at most k pixels, with x + delta in [0, 1].

  A pixel consists of all coordinates at one position: the channels of `[B, H,
  W, C]` count once, in a change and in a gradient. For inputs with more or
  fewer axes each coordinate counts, unless `pixel_axes` says otherwise.

  `project` clips to the box and keeps the k pixels with the largest change in
  the Euclidean norm. `linear_maximizer` changes the k pixels with the largest
  gradient in the L1 norm, by the width of the box. The set is not convex, so
  `step` does not move all pixels a little. It moves the `size * k` pixels that
  gain most to the edge of the box, and keeps those of the others that
  contribute most. It moves at least k / 4 pixels, however small the size: with
  fewer, the search stays with the first pixels it found, and is weaker on
  networks.

  Args:
    k: number of pixels; an int, a tracer or `[B]`, one per example.
    pixel_axes: the axes of x that one pixel spans (see `pixels.resolve_axes`):
      `(1,)` for `[B, C, H, W]`, `(-1,)` for videos `[B, T, H, W, C]`, `()` to
      count coordinates.

  Raises:
    ValueError: k is negative, or x has no such axes.

  Source: Croce and Hein 2019, "Sparse and imperceivable adversarial attacks",
  section 3 (PGD_0).

  Deviation: the pixels kept are those that change most once they are in the
  box, where the paper keeps those whose removal costs most in the projection.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset, x = perturbations.l0(1), jnp.array([[0.5, 0.5, 0.5]])
    >>> pset.project(x, jnp.array([[0.1, -0.3, 0.2]]))
    Array([[ 0. , -0.3,  0. ]], dtype=float32)
  """
  checks.non_negative("k", k)

  def per_pixel(values):
    return pixels.sum_per_pixel(values, pixel_axes)

  def largest(scores, number):
    rows = scores.reshape(scores.shape[0], -1)
    return largest_mask(rows, number).reshape(scores.shape)

  def keep(changes, scores):
    return changes * largest(scores, k)

  def project(x, delta):
    change = box.clip_delta(x, delta)
    return keep(change, per_pixel(jnp.square(change)))

  def sample(key: Key, x: Array) -> Array:
    # k random pixels get random colors.
    key_place, key_color = jax.random.split(key)
    scores = jax.random.uniform(key_place, per_pixel(x).shape, jnp.float32)
    color = jax.random.uniform(key_color, x.shape, jnp.float32)
    return keep(color - x, scores)

  def step(x, delta, grad, size):
    # The change to the edge of the box in the direction of the gradient.
    edge = jnp.sign(grad) * box.room(x, grad)
    gain = per_pixel(grad * edge)
    part = per_pixel(grad * delta)
    number = jnp.round(jnp.maximum(size, _LEAST_STEP) * jnp.asarray(k))
    number = jnp.maximum(number, 1)
    missing = jnp.where(largest(gain, k), jnp.maximum(gain - part, 0.0), 0.0)
    taken = (missing > 0) & largest(missing, number)
    # Scores are not negative; a change that lowers the objective ranks last.
    least = part.min(axis=tuple(range(1, part.ndim)), keepdims=True)
    scores = jnp.where(taken, jnp.inf, part - least)
    return keep(jnp.where(taken, edge, delta), scores)

  return PerturbationSet(
    zero=lambda x: jnp.zeros(x.shape, jnp.float32),
    sample=sample,
    project=project,
    linear_maximizer=lambda x, grad: keep(
      jnp.sign(grad), per_pixel(jnp.abs(grad))
    ),
    apply=box.apply,
    check=checks.images,
    step=step,
  )
