"""A patch that fools a model wherever it is put, in images never seen."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, losses, tree
from robust_jax.attacks.standalone import standalone
from robust_jax.attacks.universal.universal import mean_gradient
from robust_jax.objective import surrogate_of
from robust_jax.types import Array, Key, Model, Objective
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


class Placement(NamedTuple):
  """Where patches lie, one per image; `[B]` each.

  Attributes:
    row: of the center, in pixels from the upper edge.
    column: of the center, in pixels from the left edge.
    diameter: in pixels.
    angle: in radians, counter-clockwise.
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
  """Finds a round patch by ascent over random images and random placements.

  **Not an `Attack`**: it has the arguments of one, but it learns from N images,
  and returns the patch. `place` puts it on others:

      draw = anywhere(diameter=(0.3, 0.5), degrees=45)
      find = adversarial_patch(draw)
      patch = find(key, logits_fn, x_train, labels_train)
      x_adv = place(patch, x_test, draw(key, x_test))

  There is no radius: inside of the patch any color in [0, 1] will do, outside
  of it nothing changes.

  Args:
    draw: `(key, x) -> Placement`, the distribution of placements: see
      `anywhere`.
    objective: what to maximize for all; `losses.targeted(...)` with labels
      that are all the target makes every image that class.
    resolution: side of the patch in pixels of its own.
    num_steps: steps.
    batch_size: images per step, drawn with replacement.
    learning_rate: Adam's, in units of black to white.

  Returns:
    `(key, logits_fn, x [N, H, W, C], labels [N]) -> patch [S, S, C]` in [0, 1],
    S the resolution.

  Raises:
    ValueError: zero steps, images or pixels.

  Source: Brown, Mane, Roy, Abadi and Gilmer 2017, "Adversarial Patch", eq. 1.
  Deviations: Adam on gradients of unit L1 norm; the surrogate of the
  objective is maximized (the `soft_margin` for the cross-entropy); the patch
  starts gray; bilinear sampling.
  """
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("batch_size", batch_size)
  checks.at_least_one("resolution", resolution)

  @standalone
  def find(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    model = canonicalize_on_cpu(logits_fn)
    adam, climb = optax.scale_by_adam(), surrogate_of(objective)

    def gradient(patch, key):
      key_rows, key_draw = jax.random.split(key)
      rows = jax.random.randint(key_rows, (batch_size,), 0, len(x))
      placement = draw(key_draw, x[rows])

      def loss(each):
        x_adv = jax.vmap(_place_one)(each, x[rows], placement)
        return climb(model(x_adv), labels[rows])

      return mean_gradient(loss, patch, batch_size)

    def step(i, carry):
      patch, moments = carry
      grad = gradient(patch, jax.random.fold_in(key, i))
      update, moments = adam.update(tree.normalize(grad, "l1"), moments)
      return jnp.clip(patch + learning_rate * update, 0.0, 1.0), moments

    gray = jnp.full((1, resolution, resolution, x.shape[-1]), 0.5)
    return jax.lax.fori_loop(0, num_steps, step, (gray, adam.init(gray)))[0][0]

  return find


def anywhere(
  diameter: tuple[float, float] = (0.3, 0.5), degrees: Array | float = 45.0
) -> Draw:
  """Uniform placements of the whole patch within the image.

  Args:
    diameter: the smallest and the largest, as fractions of the shorter side.
    degrees: the largest rotation, to either side.

  Raises:
    ValueError: the fractions are not in (0, 1], or in the wrong order.
  """
  low, high = diameter
  if not 0 < low <= high <= 1:
    raise ValueError(
      f"diameter = {diameter}: expected the smallest and the largest fraction "
      "of the image's side, in (0, 1]."
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
  """The images with the patch on them; differentiable in the patch.

  Args:
    patch: `[S, S, C]`; its inscribed disc is what is seen.
    x: images `[B, H, W, C]`.
    placement: where, in each image.

  Returns:
    `[B, H, W, C]`, x itself wherever a pixel's center is outside of the disc.
  """
  return jax.vmap(_place_one, in_axes=(None, 0, 0))(patch, x, placement)


def _place_one(patch, x, placement):
  rows, columns = jnp.meshgrid(
    *(jnp.arange(n) + 0.5 for n in x.shape[:2]), indexing="ij"
  )
  down, right = rows - placement.row, columns - placement.column
  cos, sin = jnp.cos(placement.angle), jnp.sin(placement.angle)
  # Turned back by the angle, in pixels of the patch, whose centers are whole.
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
