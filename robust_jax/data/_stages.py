"""Stages of a loader: reading on the host and decoding on the device."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.data.dataset import Dataset
from robust_jax.types import Batch, PyTree

# Decoding releases the interpreter lock for all but tiny images, so a few
# threads help, while many contend; two buffered batches per thread even out the
# time of reading.
_READ_AHEAD = grain.ReadOptions(num_threads=4, prefetch_buffer_size=8)


def bytes_per_example(spec: PyTree) -> int:
  """Returns the size of a stored example."""
  return sum(
    math.prod(leaf.shape) * leaf.dtype.itemsize
    for leaf in jax.tree.leaves(spec)
  )


def read(
  dataset: Dataset, indices: np.ndarray, seed: tuple[int, ...] | None = None
) -> dict[str, PyTree]:
  """Reads examples and checks them against the spec of the dataset.

  With a seed, they are read by `dataset.read_training` if it has one.

  Raises:
    ValueError: shapes or dtypes differ from the spec.
  """
  if seed is None or dataset.read_training is None:
    stored = dataset.read(indices)
  else:
    stored = dataset.read_training(indices, seed)
  expected = jax.tree.map(
    lambda leaf: (leaf.dtype, (len(indices), *leaf.shape)), dict(dataset.spec)
  )
  found = jax.tree.map(lambda rows: (rows.dtype, rows.shape), stored)
  if found != expected:
    raise ValueError(
      f"dataset '{dataset.name}' read {len(indices)} examples as {found}: "
      f"expected {expected}, as its spec says."
    )
  return stored


def read_ahead(fn: Callable[[int], PyTree], steps: range) -> Iterator[PyTree]:
  """Yields `fn(step)` for each step, computed ahead in threads."""
  dataset = grain.MapDataset.range(steps.start, steps.stop).map(fn)
  batches = iter(dataset.to_iter_dataset(_READ_AHEAD))
  # Deleting this generator stops the threads.
  with contextlib.closing(batches):
    yield from batches


# One function per `decode`, so that its compiled program is found again.
@functools.lru_cache(maxsize=32)
def decode_indexed(decode: Callable[[Any], Batch]) -> Callable[..., Batch]:
  """Returns a decoder of indices into examples on the device."""
  streamed = decode_streamed(decode)

  def indexed(device_data: PyTree, indices: PyTree) -> Batch:
    # The indices are in range; "clip" avoids a check.
    take = functools.partial(
      jnp.take, indices=indices["index"], axis=0, mode="clip"
    )
    stored = jax.tree.map(take, device_data)
    return streamed((), stored | {"mask": indices["mask"]})

  return indexed


@functools.lru_cache(maxsize=32)
def decode_streamed(decode: Callable[[Any], Batch]) -> Callable[..., Batch]:
  """Returns a decoder of stored examples."""

  def from_stored(device_data: PyTree, indices: PyTree) -> Batch:
    del device_data
    stored = {k: v for k, v in indices.items() if k != "mask"}
    return {**decode(stored), "mask": indices["mask"]}

  return from_stored
