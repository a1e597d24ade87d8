"""A JAX model as a function on the host, for batches of any size."""

from collections.abc import Callable

import numpy as np

from robust_jax import bounded_jit
from robust_jax.types import Array

# A batch is cut into pieces of these sizes; only the last one is padded.
_SIZES = (512, 128, 32, 8)


def as_numpy_fn(fn: Callable[..., Array]) -> Callable[..., np.ndarray]:
  """`fn` from numpy to numpy, compiled for four batch sizes at most.

  Batches whose size changes from call to call, as those of black-box attacks
  do, would compile a program for every size.

  A `jax.tree_util.Partial`, such as `frozen` makes, shares its programs with
  every other of the same function and shapes.

  Args:
    fn: x `[B, ...]`, or several arrays of as many rows, -> an array of as many,
      such as a `Model`.

  Returns:
    images `[N, ...]` -> logits `[N, K]` float32, N = 0 excepted.
  """

  def predict(*inputs: np.ndarray) -> np.ndarray:
    answers, start = [], 0
    while start < len(inputs[0]):
      left = len(inputs[0]) - start
      size = next((s for s in _SIZES if s <= left), _SIZES[-1])
      pieces = [rows[start : start + size] for rows in inputs]
      answer = bounded_jit.call(
        _apply, fn, *(_padded(piece, size) for piece in pieces)
      )
      answers.append(np.asarray(answer, np.float32)[: len(pieces[0])])
      start += size
    return np.concatenate(answers)

  return predict


def _padded(piece, size):
  padding = [(0, size - len(piece))] + [(0, 0)] * (piece.ndim - 1)
  return np.pad(piece, padding, mode="edge")


def _apply(fn, *inputs):
  return fn(*inputs)
