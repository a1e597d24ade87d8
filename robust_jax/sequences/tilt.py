"""A picture on a board that is tilted."""

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import affine_maps, constants
from robust_jax.sequences.signature import frame_by_frame, sequence
from robust_jax.types import Array, Key

_DEGREES = {224: 1.0, 32: 0.75}  # from frame to frame


@sequence
def tilt(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Turned about both axes of its plane by -15, ..., 15 degrees.

  Seen in perspective, from as far away as the diagonal is long, black around
  it; small images turn by three quarters of that. Arguments and result as
  `signature.sequence` says; nothing is random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys
  step = float(constants.rows(_DEGREES, x, size))
  height, width = x.shape[1:3]
  distance = np.hypot(width, height)
  rows, columns = np.indices((height, width), np.float32)
  middle = np.array([width - 1, height - 1])[:, None, None] / 2
  offsets = np.stack([columns, rows]) - middle
  seen = np.concatenate([offsets, np.ones((1, height, width))])

  def frame(i):
    matrix = jnp.linalg.inv(_projection(jnp.deg2rad(step * (i - 15)), distance))
    right, down, depth = jnp.einsum(
      "ij,jhw->ihw", matrix, seen, precision="highest"
    )
    places = jnp.stack([right, down]) / depth + middle
    return affine_maps.read(
      x, jnp.broadcast_to(places, (len(x), *places.shape))
    )

  return frame_by_frame(frame, 31)


def _projection(angle: Array, distance: float) -> Array:
  """`[3, 3]`: a point (right, down, 1) of the plane to where it is seen."""
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  zero, one = jnp.zeros_like(cos), jnp.ones_like(cos)
  about_x = jnp.array([[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]])
  about_y = jnp.array([[cos, zero, sin], [zero, one, zero], [-sin, zero, cos]])
  turned = jnp.matmul(about_x, about_y, precision="highest")
  # In the plane z = 0 before it is turned; then as far away as the eye.
  placed = turned.at[:, 2].set(jnp.array([0.0, 0.0, distance]))
  return placed * jnp.array([[distance], [distance], [1.0]])
