"""Photometric changes: brightness, contrast, saturation and hue."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.perturbations import _grid as lattice
from robust_jax.types import Array, Grid, Key, PerturbationSet

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601
_RGB_TO_YIQ = np.array(
  [_LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]]
)
# A quarter turn of the hue, from red towards green: I -> -Q, Q -> I, luma -> 0.
_QUARTER_TURN = np.linalg.inv(_RGB_TO_YIQ) @ (
  np.array([[0, 0, 0], [0, 0, 1], [0, -1, 0]]) @ _RGB_TO_YIQ
)


def photometric(
  brightness: Array | float = 0.2,
  contrast: Array | float = 0.3,
  saturation: Array | float = 0.5,
  hue: Array | float = 20.0,
) -> PerturbationSet:
  """Changes of brightness, contrast, saturation and hue of each image.

  delta `[B, 4]` holds the amounts b, c, s, h, each between minus and plus its
  range, and 0 for no change. They are applied in this order, with one clipping
  to [0, 1] at the end:

      x + b,   x + c (x - mean luma),   x + s (x - luma),   hue turned by h.

  Images are `[B, H, W, 3]` in RGB, or `[B, H, W, 1]`, on which saturation and
  hue have no effect. Each range is a float, a tracer or `[B]`. `grid(x, n)`
  takes n values of each, n^4 points in all, or n^2 for gray images.

  Args:
    brightness: range of b, in input units.
    contrast: range of c: -1 is a uniform gray, 1 twice the contrast.
    saturation: range of s: -1 is gray, 1 twice the color.
    hue: range of h, in degrees.

  Raises:
    ValueError: a range is negative, or x is not a batch of such images.

  Source: Hosseini and Poovendran 2018, "Semantic adversarial examples", for hue
  and saturation. The default ranges are ours.

  Deviation: the hue is an angle in the YIQ plane, which keeps the luma, instead
  of HSV's, whose derivative jumps; the luma weights are those of Rec. 601. The
  gradient includes that of the clipping: unlike a change of one pixel, none of
  these parameters can bring back a single pixel.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset, x = perturbations.photometric(), jnp.full((1, 2, 2, 1), 0.5)
    >>> brighter = jnp.array([[0.125, 0.0, 0.0, 0.0]])
    >>> print(pset.apply(x, brighter)[0, :, :, 0])
    [[0.625 0.625]
     [0.625 0.625]]
  """
  ranges = {
    "brightness": brightness,
    "contrast": contrast,
    "saturation": saturation,
    "hue": hue,
  }
  for name, value in ranges.items():
    checks.non_negative(name, value)

  def limit(x):
    _check(x)
    columns = [
      jnp.broadcast_to(jnp.asarray(r), len(x)) for r in ranges.values()
    ]
    return jnp.stack(columns, axis=1).astype(jnp.float32)

  def sample(key: Key, x: Array) -> Array:
    shape = (x.shape[0], len(ranges))
    return limit(x) * jax.random.uniform(key, shape, jnp.float32, -1.0, 1.0)

  def grid(x: Array, n: int | Sequence[int]) -> Grid:
    n = lattice.single_count(n)
    colors = 1 if x.shape[-1] == 1 else n
    cube = lattice.cube((n, n, colors, colors))
    return Grid(cube.size, lambda index: cube.at(index) * limit(x))

  def check(x):
    checks.images(x)
    _check(x)

  return PerturbationSet(
    zero=lambda x: jnp.zeros_like(limit(x)),
    sample=sample,
    project=lambda x, delta: jnp.clip(delta, -limit(x), limit(x)),
    linear_maximizer=lambda x, grad: limit(x) * jnp.sign(grad),
    apply=_apply,
    check=check,
    grid=grid,
  )


def _apply(x: Array, delta: Array) -> Array:
  _check(x)
  b, c, s, h = (delta[:, i, None, None, None] for i in range(4))
  y = x.astype(jnp.float32) + b
  y = y + c * (y - luma(y).mean((1, 2, 3), keepdims=True))
  if x.shape[-1] == 3:
    y = y + s * (y - luma(y))
    color, angle = y - luma(y), jnp.deg2rad(h)
    turned = jnp.matmul(
      color, _QUARTER_TURN.T.astype(np.float32), precision="highest"
    )
    y = y + (jnp.cos(angle) - 1) * color + jnp.sin(angle) * turned
  return jnp.clip(y, 0.0, 1.0).astype(x.dtype)


def luma(x: Array) -> Array:
  """Luma of each pixel, `[B, H, W, C]` -> `[B, H, W, 1]`."""
  if x.shape[-1] == 1:
    return x
  return (x * _LUMA).sum(-1, keepdims=True)


def _check(x: Array) -> None:
  if x.ndim != 4 or x.shape[-1] not in (1, 3):
    raise ValueError(
      f"images of shape {x.shape}: expected [B, H, W, 3] in RGB or "
      "[B, H, W, 1] in gray."
    )
