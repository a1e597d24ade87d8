"""Adversarial patches: effective at any position in unseen images."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, losses, tree
from robust_jax.attacks.standalone import standalone
from robust_jax.attacks.universal.universal import mean_gradient
from robust_jax.objective import surrogate_of
from robust_jax.types import Array, Key, Model, Objective, PyTree
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


class Placement(NamedTuple):
  """Positions of patches, one per image; `[B]` each.

  Attributes:
    row: row of the center, in pixels from the upper edge.
    column: column of the center, in pixels from the left edge.
    diameter: diameter in pixels.
    angle: rotation in radians, counter-clockwise.
  """

  row: Array
  column: Array
  diameter: Array
  angle: Array


Draw = Callable[[Key, Array], Placement]


def adversarial_patch(
  draw: Draw,
  objective: Objective = losses.cross_entropy,
  *,
  resolution: int = 16,
  num_steps: int = 500,
  batch_size: int = 64,
  learning_rate: Array | float = 0.05,
) -> Callable[[Key, Model, Array, Array], Array]:
  """Adversarial patch: a round patch found over random images and placements.

  **Not an `Attack`**: it has the same arguments, but learns from N images and
  returns the patch, which `place` puts on other images. It maximizes the mean
  objective over images and placements by Adam. There is no radius: inside the
  patch any color in [0, 1] is allowed, and outside nothing changes.

  Args:
    draw: `(key, x) -> Placement`, the distribution of placements, such as
      `random_placement`.
    objective: function to maximize for all images. With `losses.targeted(...)`
      and all labels equal, every image is pushed to that class.
    resolution: side of the patch, in pixels of its own.
    num_steps: number of steps.
    batch_size: number of images per step, drawn with replacement.
    learning_rate: learning rate of Adam, in input units.

  Returns:
    `(key, model, x [N, H, W, C], targets [N, ...]) -> patch [S, S, C]` in [0,
    1], S the resolution.

  Raises:
    ValueError: num_steps, batch_size or resolution is not a whole number, 1 or
      more; when it is called, if outputs or targets are not those of the
      objective.

  Source: Brown, Mane, Roy, Abadi and Gilmer 2017, "Adversarial Patch", eq. 1.

  Deviation: Adam on gradients of unit L1 norm; the surrogate of the objective
  is maximized (the `soft_margin` for the cross-entropy); the patch starts gray;
  bilinear sampling.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import adversarial_patch
    >>> from robust_jax.attacks.universal import adversarial_patch as patches
    >>> mean = lambda x: x.mean(axis=(1, 2, 3))
    >>> model = lambda x: jnp.stack([mean(x), 1 - mean(x)], axis=1)
    >>> draw, key = patches.random_placement((0.5, 0.5)), jax.random.key(0)
    >>> find = adversarial_patch(draw, resolution=4, num_steps=20, batch_size=2)
    >>> x, y = jnp.ones((3, 8, 8, 1)), jnp.zeros(3, int)  # bright is class 0
    >>> patch = find(key, model, x, y)
    >>> bool(patch.mean() < 0.5), patches.place(patch, x, draw(key, x)).shape
    (True, (3, 8, 8, 1))
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("batch_size", batch_size)
  checks.at_least_one("resolution", resolution)

  @functools.partial(
    standalone, check_outputs=functools.partial(checks.objective, objective)
  )
  def find(key: Key, model: Model, x: Array, targets: PyTree) -> Array:
    model = canonicalize_on_cpu(model)
    adam, maximized = optax.scale_by_adam(), surrogate_of(objective)

    def gradient(patch, key):
      key_rows, key_draw = jax.random.split(key)
      rows = jax.random.randint(key_rows, (batch_size,), 0, len(x))
      placement = draw(key_draw, x[rows])

      def loss(each):
        x_adv = jax.vmap(_place_one)(each, x[rows], placement)
        return maximized(model(x_adv), tree.rows(targets, rows))

      return mean_gradient(loss, patch, batch_size)

    def step(i, carry):
      patch, moments = carry
      grad = gradient(patch, jax.random.fold_in(key, i))
      update, moments = adam.update(tree.normalize(grad, "l1"), moments)
      return jnp.clip(patch + learning_rate * update, 0.0, 1.0), moments

    gray = jnp.full((1, resolution, resolution, x.shape[-1]), 0.5)
    return jax.lax.fori_loop(0, num_steps, step, (gray, adam.init(gray)))[0][0]

  return find


def random_placement(
  diameter: tuple[float, float] = (0.3, 0.5), degrees: Array | float = 45.0
) -> Draw:
  """Uniform placements of the whole patch within the image.

  Args:
    diameter: smallest and largest diameter, as fractions of the shorter side.
    degrees: largest rotation in either direction.

  Raises:
    ValueError: the fractions are not in (0, 1], or in the wrong order.
  """
  low, high = diameter
  if not 0 < low <= high <= 1:
    raise ValueError(
      f"diameter = {diameter}: expected the smallest and the largest fraction "
      "of the shorter side, in (0, 1]."
    )
  checks.non_negative("degrees", degrees)

  def draw(key: Key, x: Array) -> Placement:
    height, width = x.shape[1:3]
    u = jax.random.uniform(key, (4, x.shape[0]))
    across = min(height, width) * (low + (high - low) * u[0])
    return Placement(
      row=across / 2 + u[1] * (height - across),
      column=across / 2 + u[2] * (width - across),
      diameter=across,
      angle=jnp.deg2rad(degrees) * (2 * u[3] - 1),
    )

  return draw


def place(patch: Array, x: Array, placement: Placement) -> Array:
  """Puts the patch on images; differentiable in the patch.

  Args:
    patch: `[S, S, C]`, of which the inscribed disc is visible.
    x: images `[B, H, W, C]`.
    placement: position in each image.

  Returns:
    `[B, H, W, C]`, equal to x at all pixels whose center is outside the disc.
  """
  return jax.vmap(_place_one, in_axes=(None, 0, 0))(patch, x, placement)


def _place_one(patch, x, placement):
  rows, columns = jnp.meshgrid(
    *(jnp.arange(n) + 0.5 for n in x.shape[:2]), indexing="ij"
  )
  down, right = rows - placement.row, columns - placement.column
  cos, sin = jnp.cos(placement.angle), jnp.sin(placement.angle)
  # Rotated back, in pixels of the patch, whose centers are whole numbers.
  scale, middle = patch.shape[0] / placement.diameter, (patch.shape[0] - 1) / 2
  there = jnp.stack([cos * down + sin * right, cos * right - sin * down])
  there = middle + scale * there

  def sample(channel):
    return jax.scipy.ndimage.map_coordinates(
      channel, there, order=1, mode="nearest"
    )

  seen = jax.vmap(sample, in_axes=-1, out_axes=-1)(patch)
  inside = down**2 + right**2 <= (placement.diameter / 2) ** 2
  return jnp.where(inside[..., None], seen, x).astype(x.dtype)
