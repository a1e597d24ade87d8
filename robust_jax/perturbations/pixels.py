"""What counts as one pixel: the axes of an input that share a place."""

from collections.abc import Sequence

from robust_jax.types import Array


def spanned(ndim: int, pixel_axes: Sequence[int] | None) -> tuple[int, ...]:
  """The axes that a pixel spans: those given, or by default those of images.

  Args:
    ndim: number of axes of the input, the batch included.
    pixel_axes: axes of the input, such as 1 of `[B, C, H, W]`; none, `()`,
      where each coordinate counts by itself. None is the last axis of
      `[B, H, W, C]`, and none of inputs with more or fewer axes.

  Raises:
    ValueError: an axis that the input has not, or the batch's.
  """
  if pixel_axes is None:
    return (3,) if ndim == 4 else ()
  known = all(-ndim <= axis < ndim for axis in pixel_axes)
  axes = tuple(axis % ndim for axis in pixel_axes)
  if not known or 0 in axes:
    raise ValueError(
      f"pixel_axes = {tuple(pixel_axes)}: expected axes of an input with "
      f"{ndim} axes, but not the first, which is the batch."
    )
  return axes


def total(values: Array, pixel_axes: Sequence[int] | None) -> Array:
  """The sum of each pixel, the axes kept with length 1."""
  return values.sum(spanned(values.ndim, pixel_axes), keepdims=True)


def largest(values: Array, pixel_axes: Sequence[int] | None) -> Array:
  """The largest value of each pixel, the axes kept with length 1."""
  return values.max(spanned(values.ndim, pixel_axes), keepdims=True)


def unit(shape: Sequence[int], pixel_axes: Sequence[int] | None) -> str:
  """What the L0 norm counts of inputs of this shape, in words."""
  axes = spanned(len(shape), pixel_axes)
  if not axes:
    return "coordinates"
  sizes = " x ".join(str(shape[axis]) for axis in axes)
  along = f"axis {axes[0]}" if len(axes) == 1 else f"axes {str(axes)[1:-1]}"
  return f"pixels (of {sizes} along {along})"
