"""Patches: one rectangle of an image may change arbitrarily."""

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.perturbations import box
from robust_jax.types import Array, Key, PerturbationSet


def patch(
  height: int,
  width: int,
  *,
  top: Array | int | None = None,
  left: Array | int | None = None,
) -> PerturbationSet:
  """Patches: one rectangle of `[B, H, W, C]` may take any values in [0, 1].

  delta is `{"change": [B, H, W, C], "corner": [B, 2]}`, where the corner is the
  first row and column of the rectangle, in pixels. A corner that is not given
  is chosen by the adversary: `sample` draws one for each example, and gradients
  leave it unchanged. A random start or restart is thus a random position, and
  without one the rectangle lies in the middle.

  Args:
    height: height of the rectangle, in pixels.
    width: width of the rectangle, in pixels.
    top: first row of the rectangle; an int, a tracer or `[B]`. None for any
      row.
    left: first column of the rectangle; an int, a tracer or `[B]`. None for any
      column.

  Raises:
    ValueError: the rectangle is empty or does not fit into the image.

  Source: Brown et al. 2017, "Adversarial Patch", for one image at a time;
  Karmon, Zoran and Goldberg 2018, "LaVAN", for a patch at a known position.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset = perturbations.patch(1, 2, top=0, left=1)
    >>> x = jnp.zeros((1, 2, 3, 1))
    >>> delta = {**pset.zero(x), "change": jnp.ones(x.shape)}
    >>> pset.apply(x, pset.project(x, delta))[0, :, :, 0]
    Array([[0., 1., 1.],
           [0., 0., 0.]], dtype=float32)
  """
  checks.at_least_one("height", height)
  checks.at_least_one("width", width)
  for name, value in (("top", top), ("left", left)):
    if value is not None:
      checks.non_negative(name, value)

  def corners(x):
    """The first and the last corner allowed, each `[B, 2]`."""
    rows = _allowed("height", height, x.shape[1], "top", top)
    columns = _allowed("width", width, x.shape[2], "left", left)
    ends = zip(rows, columns, strict=True)
    return [_per_example(pair, x.shape[0]) for pair in ends]

  def inside(x, corner):
    corner = corner.reshape(-1, 2, 1, 1, 1)
    row = jnp.arange(x.shape[1]).reshape(-1, 1, 1) - corner[:, 0]
    column = jnp.arange(x.shape[2]).reshape(-1, 1) - corner[:, 1]
    in_rows = (row >= 0) & (row < height)
    return in_rows & (column >= 0) & (column < width)

  def zero(x):
    first, last = corners(x)
    change = jnp.zeros(x.shape, jnp.float32)
    return {"change": change, "corner": jnp.floor((first + last) / 2)}

  def sample(key: Key, x: Array):
    key_corner, key_color = jax.random.split(key)
    first, last = corners(x)
    unit = jax.random.uniform(key_corner, first.shape, jnp.float32)
    # The product may round up to one more than the last row.
    corner = jnp.minimum(first + jnp.floor(unit * (last - first + 1)), last)
    color = jax.random.uniform(key_color, x.shape, jnp.float32)
    return {"change": (color - x) * inside(x, corner), "corner": corner}

  def project(x, delta):
    corner = jnp.clip(jnp.round(delta["corner"]), *corners(x))
    change = box.clip_delta(x, delta["change"]) * inside(x, corner)
    return {"change": change, "corner": corner}

  def linear_maximizer(x, grad):
    # Outside the rectangle the gradient is 0.
    still = jnp.zeros_like(grad["corner"])
    return {"change": jnp.sign(grad["change"]), "corner": still}

  def apply(x, delta):
    corner = jax.lax.stop_gradient(jnp.round(delta["corner"]))
    return box.apply(x, delta["change"] * inside(x, corner))

  return PerturbationSet(
    zero, sample, project, linear_maximizer, apply, checks.images
  )


def _allowed(size_name, size, image, name, given):
  """The first and the last place allowed along one axis."""
  last = image - size
  if last < 0:
    raise ValueError(
      f"{size_name} = {size}: expected at most {image}, as the image has."
    )
  if given is None:
    return 0, last
  checks.at_most(name, given, last)
  return given, given


def _per_example(pair, batch_size: int) -> Array:
  """Two numbers or `[B]` -> `[B, 2]` float32."""
  columns = [jnp.broadcast_to(jnp.asarray(v), (batch_size,)) for v in pair]
  return jnp.stack(columns, axis=1).astype(jnp.float32)
