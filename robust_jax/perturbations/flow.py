"""Smooth displacement fields, which bend an image."""

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks, tree
from robust_jax.perturbations import bilinear
from robust_jax.types import Array, Key, PerturbationSet


def flow(
  eps: Array | float = 2.0,
  *,
  nodes: int = 5,
  padding: bilinear.Padding = "edge",
) -> PerturbationSet:
  """Images `[B, H, W, C]` read at positions displaced by up to eps pixels.

      x'(p) = x(p + delta(p)).

  delta `[B, nodes, nodes, 2]` holds displacements down and to the right, each
  of Euclidean length at most eps, at the control points of a uniform cubic
  B-spline. The spline's weights are positive and sum to 1, so no pixel is
  displaced by more than eps, and the field is twice continuously
  differentiable.

  Args:
    eps: largest displacement in pixels; a float, a tracer or `[B]`.
    nodes: number of control points of each axis, 4 or more; more of them allow
      finer bending.
    padding: "zero" or "edge", the values outside the image.

  Raises:
    ValueError: eps is negative, there are fewer than four nodes, or the padding
      is unknown.

  Source: Xiao et al. 2018, "Spatially Transformed Adversarial Examples", for
  reading the image through a field, and Alaifari et al. 2019, "ADef", for its
  size, the longest displacement.

  Deviation: splines (Rueckert et al. 1999) make the field smooth, where they
  use a penalty and a filter.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset, x = perturbations.flow(1.0), jnp.eye(6)[None, :, :, None]
    >>> right = jnp.zeros((1, 5, 5, 2)).at[..., 1].set(1.0)  # by one pixel
    >>> moved = pset.apply(x, right)
    >>> bool(jnp.allclose(moved[:, :, :-1], x[:, :, 1:], atol=1e-6))
    True
  """
  checks.non_negative("eps", eps)
  bilinear.check_padding(padding)
  if nodes < 4:
    raise ValueError(f"nodes = {nodes}: expected 4 or more for a cubic spline.")

  def project(x, delta):
    limit = tree.expand(eps, delta)
    unit = _unit(delta)
    length = (delta * unit).sum(axis=-1, keepdims=True)
    return jnp.where(length > limit, limit * unit, delta)

  def sample(key: Key, x: Array) -> Array:
    # Uniform in the disc of each node.
    key_angle, key_length = jax.random.split(key)
    shape = (x.shape[0], nodes, nodes, 1)
    angle = jax.random.uniform(key_angle, shape, maxval=2 * np.pi)
    length = jnp.sqrt(jax.random.uniform(key_length, shape))
    unit = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
    return tree.expand(eps, unit) * length * unit

  def apply(x, delta):
    rows, columns = bilinear.pixels(x)
    height, width = x.shape[1:3]
    field = jnp.einsum(
      "in,jm,bnmd->dbij",
      _spline(height, nodes),
      _spline(width, nodes),
      delta,
      precision="highest",
    )
    return bilinear.warp(x, rows + field[0], columns + field[1], padding)

  return PerturbationSet(
    zero=lambda x: jnp.zeros((x.shape[0], nodes, nodes, 2), jnp.float32),
    sample=sample,
    project=project,
    linear_maximizer=lambda x, grad: tree.expand(eps, grad) * _unit(grad),
    apply=apply,
    check=checks.images,
  )


def _unit(vectors: Array) -> Array:
  """Each vector `[..., 2]` scaled to length 1; zero vectors are unchanged."""
  # Scaled by the larger entry first: squares of small numbers underflow, those
  # of large ones overflow.
  largest = jnp.max(jnp.abs(vectors), axis=-1, keepdims=True)
  scaled = vectors / jnp.where(largest > 0, largest, 1.0)
  length = jnp.linalg.norm(scaled, axis=-1, keepdims=True)
  return scaled / jnp.where(length > 0, length, 1.0)


def _spline(size: int, nodes: int) -> np.ndarray:
  """Weights `[size, nodes]` of the control points at each pixel of an axis.

  For the uniform cubic B-spline whose first and last nodes lie one spacing
  outside the image.
  """
  places = np.linspace(0, nodes - 3, size)[:, None]
  t = np.abs(places - np.arange(-1, nodes - 1))
  inner = 2 / 3 - t**2 + t**3 / 2
  outer = np.maximum(2 - t, 0) ** 3 / 6
  return np.where(t < 1, inner, outer).astype(np.float32)
