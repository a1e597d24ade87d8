"""JAX models as functions of numpy arrays, for batches of any size."""

from collections.abc import Callable

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

  def predict(*inputs: np.ndarray) -> np.ndarray:
    outputs, start = [], 0
    while start < len(inputs[0]):
      remaining = len(inputs[0]) - start
      size = next((s for s in _SIZES if s <= remaining), _SIZES[-1])
      pieces = [rows[start : start + size] for rows in inputs]
      output = bounded_jit.call(
        _apply, fn, *(_padded(piece, size) for piece in pieces)
      )
      outputs.append(np.asarray(output, np.float32)[: len(pieces[0])])
      start += size
    return np.concatenate(outputs)

  return predict


def _padded(piece, size):
  padding = [(0, size - len(piece))] + [(0, 0)] * (piece.ndim - 1)
  return np.pad(piece, padding, mode="edge")


def _apply(fn, *inputs):
  return fn(*inputs)
