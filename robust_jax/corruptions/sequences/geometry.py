"""Sequences of camera motion: rotation, scale, shear, tilt and translation."""

import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions import affine_maps, constants
from robust_jax.corruptions.sequences.base import frame_by_frame, sequence
from robust_jax.types import Array, Key


@sequence
def rotate(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Rotations by -15, ..., 15 degrees, counter-clockwise; corners are black.

  See `base.sequence` for arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.rotate, keys, x).shape
    (2, 31, 8, 8, 3)
  """
  del keys, size

  def frame(i):
    angle = jnp.deg2rad(i - 15.0)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    matrix = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
    return affine_maps.about_center(x, matrix)

  return frame_by_frame(frame, 31)


# Fraction of the size of the first frame, and increment per frame.
_FRACTION = {224: (0.4, 0.025), 32: (0.7, 0.02)}


@sequence
def scale(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Scales from 40 to 115 percent; small images from 70 to 130 percent.

  The border is black. See `base.sequence` for arguments and result.
  Deterministic.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.scale, keys, x).shape
    (2, 31, 8, 8, 3)
  """
  del keys
  first, more = constants.rows(_FRACTION, x, size)
  return frame_by_frame(
    lambda i: affine_maps.about_center(x, jnp.eye(2) / (first + more * i)), 31
  )


@sequence
def shear(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Shears: verticals lean by -15, ..., 15 degrees; corners are black.

  See `base.sequence` for arguments and result. Deterministic. One of the four
  extra sequences.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.shear, keys, x).shape
    (2, 31, 8, 8, 3)
  """
  del keys, size

  def frame(i):
    slope = jnp.tan(jnp.deg2rad(i - 15.0))
    matrix = jnp.eye(2).at[0, 1].set(slope)
    return affine_maps.about_center(x, matrix)

  return frame_by_frame(frame, 31)


_DEGREES = {224: 1.0, 32: 0.75}  # per frame


@sequence
def tilt(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Perspective tilts about both image axes by -15, ..., 15 degrees.

  The image is seen from a distance equal to its diagonal, with a black border;
  small images are tilted by three quarters of the angles. See `base.sequence`
  for arguments and result. Deterministic.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.tilt, keys, x).shape
    (2, 31, 8, 8, 3)
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
  """Returns the map `[3, 3]` of points (right, down, 1) to their images."""
  cos, sin = jnp.cos(angle), jnp.sin(angle)
  zero, one = jnp.zeros_like(cos), jnp.ones_like(cos)
  about_x = jnp.array([[one, zero, zero], [zero, cos, -sin], [zero, sin, cos]])
  about_y = jnp.array([[cos, zero, sin], [zero, one, zero], [-sin, zero, cos]])
  turned = jnp.matmul(about_x, about_y, precision="highest")
  # In the plane z = 0 before the rotation; then at the distance of the camera.
  placed = turned.at[:, 2].set(jnp.array([0.0, 0.0, distance]))
  return placed * jnp.array([[distance], [distance], [1.0]])


# Shift of the first frame to the left in pixels, and number of frames.
_RANGE = {224: (20, 41), 32: (7, 16)}


@sequence
def translate(keys: Key, x: Array, *, size: int | None = None) -> Array:
  """Horizontal shifts by -20, -19, ..., 20 pixels; small images by -7, ..., 8.

  Black is shifted in. See `base.sequence` for arguments and result.
  Deterministic.

  Source: Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness
    to Common Corruptions and Perturbations" (ImageNet-P, CIFAR-10-P).

  Example:
    >>> import jax
    >>> from robust_jax.corruptions import sequences
    >>> keys = jax.random.split(jax.random.key(0), 2)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.2)
    >>> jax.eval_shape(sequences.translate, keys, x).shape
    (2, 16, 8, 8, 3)
  """
  del keys
  first, count = map(int, constants.rows(_RANGE, x, size))

  def frame(i):
    moved = jnp.stack([i - first, 0]).astype(jnp.float32)
    return affine_maps.about_center(x, jnp.eye(2), -moved)

  return frame_by_frame(frame, count)
