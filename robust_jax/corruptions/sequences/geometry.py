"""Sequences of camera motion: rotated, scaled, sheared, tilted, moved."""

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import affine_maps, constants
from robust_jax.corruptions.sequences.base import frame_by_frame, sequence
from robust_jax.types import Array, Key


@sequence
def rotate(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Rotated by -15, ..., 15 degrees, counter-clockwise; corners are black.

  Arguments and result as `base.sequence` says; nothing is random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys, size

  def frame(i):
    angle = jnp.deg2rad(i - 15.0)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    matrix = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
    return affine_maps.about_center(x, matrix)

  return frame_by_frame(frame, 31)


# The first fraction of the size, and what each frame adds.
_SHARE = {224: (0.4, 0.025), 32: (0.7, 0.02)}


@sequence
def scale(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """From 40 to 115 percent of its size, small images from 70 to 130.

  Black around it. Arguments and result as `base.sequence` says; nothing is
  random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys
  first, more = constants.rows(_SHARE, x, size)
  return frame_by_frame(
    lambda i: affine_maps.about_center(x, jnp.eye(2) / (first + more * i)), 31
  )


@sequence
def shear(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Verticals lean by -15, ..., 15 degrees; corners are black.

  Arguments and result as `base.sequence` says; nothing is random. One of
  the four extra sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys, size

  def frame(i):
    slope = jnp.tan(jnp.deg2rad(i - 15.0))
    matrix = jnp.eye(2).at[0, 1].set(slope)
    return affine_maps.about_center(x, matrix)

  return frame_by_frame(frame, 31)


_DEGREES = {224: 1.0, 32: 0.75}  # from frame to frame


@sequence
def tilt(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Turned about both axes of its plane by -15, ..., 15 degrees.

  Seen in perspective, from as far away as the diagonal is long, black around
  it; small images turn by three quarters of that. Arguments and result as
  `base.sequence` says; nothing is random.

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


# The farthest to the left, in pixels, and how many frames.
_RANGE = {224: (20, 41), 32: (7, 16)}


@sequence
def translate(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Moved by -20, -19, ..., 20 pixels; small images by -7, ..., 8.

  Black comes in. Arguments and result as `base.sequence` says; nothing is
  random.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
  to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).
  """
  del keys
  first, count = map(int, constants.rows(_RANGE, x, size))

  def frame(i):
    moved = jnp.stack([i - first, 0]).astype(jnp.float32)
    return affine_maps.about_center(x, jnp.eye(2), -moved)

  return frame_by_frame(frame, count)
