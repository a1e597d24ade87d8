"""JAX models as functions of numpy arrays, for batches of any size."""

from collections.abc import Callable, Sequence

import numpy as np

from robust_jax import bounded_jit
from robust_jax.types import Array

# Batches are cut into pieces of these sizes; only the last one is padded.
_SIZES = (512, 128, 32, 8)


def as_numpy_fn(fn: Callable[..., Array]) -> Callable[..., np.ndarray]:
  """Makes a function of numpy arrays, compiled for at most four batch sizes.

  Batches of varying size, as in black-box attacks, would otherwise compile a
  program for each size. They are cut into pieces of a few sizes, and the last
  piece is padded. A `jax.tree_util.Partial`, such as that of
  `models.inference.inference_fn`, shares its programs with all others of the
  same function and shapes.

  Args:
    fn: a function of one or more arrays `[B, ...]` that returns an array `[B,
      ...]`, such as a `Model`.

  Returns:
    images `[N, ...]` -> outputs `[N, ...]` float32, for N > 0.

  Example:
    >>> import numpy as np
    >>> from robust_jax.as_numpy_fn import as_numpy_fn
    >>> predict = as_numpy_fn(lambda x: 2 * x)
    >>> predict(np.ones((3, 2), np.float32))
    array([[2., 2.],
           [2., 2.],
           [2., 2.]], dtype=float32)
  """

  def apply(*piece: np.ndarray) -> np.ndarray:
    return np.asarray(bounded_jit.call(_apply, fn, *piece), np.float32)

  return lambda *inputs: in_pieces(apply, *inputs)


def in_pieces(
  fn: Callable[..., np.ndarray],
  *inputs: np.ndarray,
  sizes: Sequence[int] = _SIZES,
) -> np.ndarray:
  """Calls a function on pieces of a few sizes, of which the last is padded.

  Args:
    fn: arrays `[B, ...]` -> an array `[B, ...]`, of which each row depends on
      the same row of the arguments alone.
    *inputs: arrays `[N, ...]`, for N > 0.
    sizes: sizes of the pieces, the largest first.

  Returns:
    `[N, ...]`.
  """
  outputs, start = [], 0
  while start < len(inputs[0]):
    remaining = len(inputs[0]) - start
    size = next((s for s in sizes if s <= remaining), sizes[-1])
    pieces = [rows[start : start + size] for rows in inputs]
    output = fn(*(_padded(piece, size) for piece in pieces))
    outputs.append(output[: len(pieces[0])])
    start += size
  return np.concatenate(outputs)


def _padded(piece, size):
  padding = [(0, size - len(piece))] + [(0, 0)] * (piece.ndim - 1)
  return np.pad(piece, padding, mode="edge")


def _apply(fn, *inputs):
  return fn(*inputs)
