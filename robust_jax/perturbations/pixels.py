"""Pixels in the L0 norm: the axes of an input that one pixel spans."""

from collections.abc import Sequence

from robust_jax.types import Array


def resolve_axes(
  ndim: int, pixel_axes: Sequence[int] | None
) -> tuple[int, ...]:
  """The axes that a pixel spans: `pixel_axes`, or by default those of images.

  Args:
    ndim: number of axes of the input, including the batch.
    pixel_axes: axes of the input, such as 1 of `[B, C, H, W]`; `()` to count
      each coordinate by itself. None stands for the last axis of `[B, H, W,
      C]`, and for no axis of inputs with more or fewer axes.

  Raises:
    ValueError: the input has no such axis, or it is the batch axis.

  Example:
    >>> from robust_jax.perturbations.pixels import resolve_axes
    >>> resolve_axes(4, None), resolve_axes(4, (1,)), resolve_axes(2, None)
    ((3,), (1,), ())
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


def sum_per_pixel(values: Array, pixel_axes: Sequence[int] | None) -> Array:
  """Sum over each pixel; the summed axes are kept with length 1."""
  return values.sum(resolve_axes(values.ndim, pixel_axes), keepdims=True)


def max_per_pixel(values: Array, pixel_axes: Sequence[int] | None) -> Array:
  """Largest value of each pixel; the reduced axes are kept with length 1."""
  return values.max(resolve_axes(values.ndim, pixel_axes), keepdims=True)


def unit_name(shape: Sequence[int], pixel_axes: Sequence[int] | None) -> str:
  """Describes what the L0 norm counts in inputs of this shape."""
  axes = resolve_axes(len(shape), pixel_axes)
  if not axes:
    return "coordinates"
  sizes = " x ".join(str(shape[axis]) for axis in axes)
  along = f"axis {axes[0]}" if len(axes) == 1 else f"axes {str(axes)[1:-1]}"
  return f"pixels (of {sizes} along {along})"
