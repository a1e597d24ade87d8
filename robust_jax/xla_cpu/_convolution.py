"""Convolutions in the forms that XLA's CPU compiler makes fast in loops."""

import math
import string
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax

from robust_jax.types import Array


def convolution(
  lhs: Array,
  rhs: Array,
  *,
  dimension_numbers: lax.ConvDimensionNumbers,
  feature_group_count: int,
  batch_group_count: int,
  **params,
) -> Array:
  """Computes `lax.conv_general_dilated_p`, for any of its parameters.

  Both operands are transposed to `[B, *space, C]` and `[*space, I, O]`. Most
  convolutions then remain one of XLA's, those with groups after a change of
  layout. In float32 some become one matrix product: those with few outputs, as
  in the gradient with respect to an image; strided ones of a gray image; those
  with a kernel larger than the image; and some with a dilated input, as in the
  gradient of a strided one. Other convolutions with a dilated input become one
  whose outputs are blocks of pixels.
  """
  of_lhs, of_rhs, of_out = dimension_numbers
  lhs = lax.transpose(lhs, (of_lhs[0], *of_lhs[2:], of_lhs[1]))
  rhs = lax.transpose(rhs, (*of_rhs[2:], of_rhs[1], of_rhs[0]))
  groups = max(feature_group_count, batch_group_count)
  if batch_group_count > 1:
    lhs = _batch_groups_as_feature_groups(lhs, groups)
  form = _plain
  if groups == 1 and lhs.dtype == rhs.dtype == jnp.float32:
    form = _form(lhs, rhs, **params)
  elif groups > 1:
    params["groups"] = groups
  out = form(lhs, rhs, **params)
  return lax.transpose(out, np.argsort((of_out[0], *of_out[2:], of_out[1])))


# Measured on two cores, jaxlib 0.10.2: with at most this many outputs XLA's
# convolutions are slower than ours. In blocks only those of one channel are
# always faster, since XLA recomputes the image for each window.
_FEW_OUTPUTS = 8
# Blocks of pixels need kernels of whole dilations, padded with zeros. With 4x4
# and 5x5 taps at a dilation of 2 they are 1.5 and 1.4 times as fast as
# `_overlap_add`, with 3x3 (a waste of 1.8) they take 1.4 times as long.
_MOST_WASTE = 1.5


def _form(
  lhs, rhs, *, window_strides, padding, lhs_dilation, rhs_dilation, **_
):
  *taps, inputs, outputs = rhs.shape
  if not taps:
    return _plain
  dilated = (np.asarray(lhs.shape[1:-1]) - 1) * lhs_dilation + 1
  size = dilated + np.sum(padding, axis=1) - taps + 1
  whole = max(window_strides) == max(lhs_dilation) == max(rhs_dilation) == 1
  if whole and np.all(np.asarray(taps) > lhs.shape[1:-1]):
    return _in_blocks  # XLA takes up to 15 times as long
  if max(rhs_dilation) > 1:
    return _plain
  # The gradient of a kernel has a large kernel and a small result.
  if math.prod(taps) > math.prod(size):
    apart = max(lhs_dilation) > 1 and max(window_strides) == 1
    return _one_by_one if apart else _plain
  if max(window_strides) > 1:
    narrow = np.all(np.asarray(taps) <= 2 * np.asarray(window_strides))
    apart = inputs == 1 and narrow and max(lhs_dilation) == 1
    return _in_blocks if apart else _plain
  if outputs <= _FEW_OUTPUTS:
    return _overlap_add
  if max(lhs_dilation) == 1:
    return _plain
  reach = -(-np.asarray(taps) // lhs_dilation)
  waste = np.prod(reach * lhs_dilation / taps)
  return _sub_pixel if max(reach) > 1 and waste < _MOST_WASTE else _overlap_add


def _plain(lhs, rhs, *, padding, groups: int = 1, **params) -> Array:
  """The convolution of XLA."""
  if max(params["lhs_dilation"], default=1) == 1:
    # With a negative padding XLA may read outside the image.
    lhs = _pad(lhs, np.minimum(padding, 0).reshape(-1, 2))
    padding = np.maximum(padding, 0).reshape(-1, 2).tolist()
  space = string.digits[: lhs.ndim - 2]
  images, kernel = f"N{space}C", f"{space}IO"
  *_, inputs, outputs = rhs.shape
  if groups > 1 and inputs * outputs // groups <= _FEW_CHANNELS:
    rhs, kernel = jnp.swapaxes(rhs, -1, -2), f"{space}OI"
  return lax.conv_general_dilated(
    lhs,
    rhs,
    padding=padding,
    dimension_numbers=(images, kernel, images),
    feature_group_count=groups,
    **params,
  )


# The fast kernel computes groups one by one. With few channels in each (inputs
# times outputs), XLA's plain loops for any other order of dimensions in a loop
# body are 1.4 to 30 times faster.
_FEW_CHANNELS = 16


def _batch_groups_as_feature_groups(x: Array, groups: int) -> Array:
  """`[G B, *space, C]` -> `[B, *space, G C]`, with a fast kernel.

  The gradient with respect to the kernel of a grouped convolution has groups of
  the batch, for which XLA only has plain loops: 3 to 200 times slower.
  """
  batch, *space, channels = x.shape
  x = x.reshape(groups, batch // groups, *space, channels)
  return jnp.moveaxis(x, 0, -2).reshape(batch // groups, *space, -1)


def _in_blocks(lhs, rhs, *, window_strides, padding, **params) -> Array:
  """Turns blocks of pixels, a stride wide, into the channels of one pixel.

  An output then depends on a few adjacent blocks.
  """
  *taps, inputs, outputs = rhs.shape
  space = np.asarray(lhs.shape[1:-1])
  low, high = np.transpose(padding)
  size = (space + low + high - taps) // window_strides + 1
  reach = -(-np.asarray(taps) // window_strides)
  needed = (size + reach - 1) * window_strides
  lhs = _pad(lhs, np.stack([low, needed - space - low], axis=1))
  lhs = _blocks(lhs, window_strides)
  more = reach * window_strides - taps
  rhs = rhs.reshape(1, *taps, inputs * outputs)
  rhs = _pad(rhs, np.stack([0 * more, more], axis=1))
  rhs = _blocks(rhs, window_strides).reshape(-1, outputs)
  windows = [
    lax.slice(lhs, (0, *at, 0), (len(lhs), *np.add(at, size), lhs.shape[-1]))
    for at in np.ndindex(*reach)
  ]
  return _times(jnp.concatenate(windows, axis=-1), rhs, params)


def _overlap_add(lhs, rhs, *, lhs_dilation, padding, **params) -> Array:
  """Adds each input times the kernel to the outputs that it reaches.

  Outputs that are a dilation apart are reached through the same taps. Each such
  phase is summed separately, and then the phases are interleaved.
  """
  batch, *space, inputs = lhs.shape
  *taps, _, outputs = rhs.shape
  rhs = jnp.flip(rhs, tuple(range(len(taps))))
  kernel = jnp.moveaxis(rhs, -2, 0).reshape(inputs, -1)
  reached = _times(lhs, kernel, params).reshape(batch, *space, *taps, outputs)
  reach = -(-np.asarray(taps) // lhs_dilation)
  phases = []
  for phase in np.ndindex(*lhs_dilation):
    total = jnp.zeros((batch, *np.add(space, reach) - 1, outputs))
    for shift in np.ndindex(*reach):
      tap = np.multiply(shift, lhs_dilation) + phase
      if np.all(tap < taps):
        part = reached[(..., *tap, slice(None))]
        total += _pad(part, np.stack([shift, reach - 1 - shift], axis=1))
    phases.append(total)
  out = _unblocked(jnp.concatenate(phases, axis=-1), lhs_dilation)
  low, high = np.transpose(padding)
  dilated = np.subtract(space, 1) * lhs_dilation + 1
  edges = low - taps + 1, high + dilated - out.shape[1:-1]
  return _pad(out, np.stack(edges, axis=1))


def _sub_pixel(lhs, rhs, *, lhs_dilation, padding, **params) -> Array:
  """Computes blocks of the output, a dilation wide, from input windows.

  Pixel `dilation q - p` of the output, not counting the padding, depends on
  input `q + s` through tap `dilation s + p`, which are all taps of phase p.
  """
  *taps, inputs, outputs = rhs.shape
  space, step = np.asarray(lhs.shape[1:-1]), np.asarray(lhs_dilation)
  low, high = np.transpose(padding)
  size = (space - 1) * step + 1 + low + high - taps + 1
  reach = -(-np.asarray(taps) // step)
  first, last = -(low // step), -((low + 1 - size) // step)  # of q
  more = np.stack([0 * reach, reach * step - taps], axis=1)
  kernel = _pad(rhs.reshape(1, *taps, -1), more)
  split = np.stack([reach, step], axis=1)
  kernel = kernel.reshape(*split.flat, inputs, outputs)
  axes = np.arange(2 * len(taps))
  # Along a block p decreases.
  kernel = jnp.flip(kernel, tuple(axes[1::2].tolist()))
  kernel = kernel.transpose(*axes[::2], -2, *axes[1::2], -1)
  params |= {
    "padding": np.stack([-first, last + reach - space], axis=1).tolist(),
    "lhs_dilation": (1,) * len(taps),
  }
  blocks = _plain(lhs, kernel.reshape(*reach, inputs, -1), **params)
  out = _unblocked(blocks, step)
  skip = step - 1 - low - first * step
  return _pad(out, np.stack([-skip, size + skip - out.shape[1:-1]], axis=1))


def _one_by_one(lhs, rhs, *, lhs_dilation, padding, **params) -> Array:
  """Computes each position of a small result from all of the input.

  The position is a product with every `dilation`-th tap of `rhs`, starting
  where the position aligns the first input. This is the gradient with respect
  to the kernel of a transposed convolution, without products with the zeros
  between inputs.
  """
  batch, *space, _ = lhs.shape
  *taps, _, outputs = rhs.shape
  low, high = np.transpose(padding)
  last = np.multiply(np.subtract(space, 1), lhs_dilation)
  size = last + 1 + low + high - taps + 1
  before = size - 1 - low
  rhs = jnp.moveaxis(rhs, (-2, -1), (0, -1))
  rhs = _pad(rhs, np.stack([before, low + last - taps + 1], axis=1))
  parts = []
  for place in np.ndindex(*size):
    start = size - 1 - place
    stop = (*(start + last + 1), outputs)
    steps = (1, *lhs_dilation, 1)
    parts.append(lax.slice(rhs, (0, *start, 0), (len(rhs), *stop), steps))
  matrix = jnp.stack(parts, axis=-2)
  matrix = jnp.moveaxis(matrix, 0, -3).reshape(lhs[0].size, -1)
  out = _times(lhs.reshape(batch, -1), matrix, params)
  return out.reshape(batch, *size, outputs)


def _blocks(x: Array, steps: Sequence[int] | np.ndarray) -> Array:
  """`[B, *space, C]` -> `[B, *(space / steps), prod(steps) C]`."""
  batch, *space, channels = x.shape
  length = np.floor_divide(space, steps)
  x = x.reshape(batch, *np.stack([length, steps], axis=1).flat, channels)
  axes = np.arange(1, x.ndim - 1)
  x = x.transpose(0, *axes[::2], *axes[1::2], x.ndim - 1)
  return x.reshape(batch, *length, -1)


def _unblocked(x: Array, steps: Sequence[int] | np.ndarray) -> Array:
  """`[B, *space, prod(steps) C]` -> `[B, *(space * steps), C]`."""
  batch, *length, _ = x.shape
  rank = len(steps)
  x = x.reshape(batch, *length, *steps, -1)
  axes = np.arange(1, 2 * rank + 1).reshape(2, rank).T
  x = x.transpose(0, *axes.flat, 2 * rank + 1)
  return x.reshape(batch, *np.multiply(length, steps), -1)


def _times(x: Array, matrix: Array, params: dict) -> Array:
  contracted = ((x.ndim - 1,), (0,)), ((), ())
  return lax.dot_general(
    x,
    matrix,
    contracted,
    precision=params["precision"],
    preferred_element_type=params["preferred_element_type"],
  )


def _pad(x: Array, space: np.ndarray) -> Array:
  """Pads with zeros along the spatial dimensions; negative numbers crop."""
  edges = [(int(low), int(high), 0) for low, high in space]
  return lax.pad(x, x.dtype.type(0), [(0, 0, 0), *edges, (0, 0, 0)])
