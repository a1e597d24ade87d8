"""Loaders: batches of a dataset, in an order that is a function of the step.

A batch is made in two stages. The host says which examples are in it; inside
the compiled step `decode` makes the batch of that and of the data that stay on
the device. A dataset that fits stays on the device as it is stored, and the
host sends indices; one that does not is streamed by Grain, which reads ahead in
threads, and the host sends the stored examples instead. Both give the same
examples in the same order, so a run's position is its step: there is nothing
else to save.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import grain
import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks, parallel
from robust_jax.data.dataset import Dataset
from robust_jax.types import Batch, PyTree

RESIDENT_LIMIT_BYTES = 2**30

# Decoding lets go of the interpreter's lock for all but tiny images, so a few
# threads help and many get into each other's way; two batches in hand for each
# cover the uneven time that reading takes.
_READ_AHEAD = grain.ReadOptions(num_threads=4, prefetch_buffer_size=8)

# Grain wants an end; no training gets there.
ENDLESS = 2**62


class Loader(NamedTuple):
  """Batches in two stages.

  Attributes:
    device_data: stored examples that stay on the devices, here still on the
      host (`parallel.replicate` places them): a pytree of arrays that lead with
      the number of examples; `()` if streamed.
    indices: `(start step) -> ` iterator of host pytrees, one per step from
      there on: which examples are in the batch, as indices into `device_data`,
      or, if streamed, the stored examples themselves; and `mask [B]`. Leaves
      lead with this process's rows of the global batch. To start late costs no
      more than to start at 0.
    decode: `(device_data, indices of a step) -> Batch`; pure, to be compiled
      into the step.
    num_steps: steps per epoch to train, in total to evaluate.
  """

  device_data: PyTree
  indices: Callable[[int], Iterator[PyTree]]
  decode: Callable[[PyTree, PyTree], Batch]
  num_steps: int


def training_loader(
  dataset: Dataset,
  batch_size: int,
  *,
  seed: int,
  resident_limit_bytes: int = RESIDENT_LIMIT_BYTES,
) -> Loader:
  """Full batches without end, shuffled anew in every epoch.

  Each epoch is a permutation drawn from (seed, epoch), the same for one version
  of NumPy; what is left over at its end (fewer than `batch_size` examples,
  others each time) is skipped.

  Args:
    dataset: what to train on.
    batch_size: B, over all processes.
    seed: of the order.
    resident_limit_bytes: a larger dataset is streamed.

  Raises:
    ValueError: the dataset is empty; the batch size is below 1, above the
      number of examples or not a multiple of the number of devices; the seed is
      negative.
  """
  num_examples = _num_examples(dataset, None)
  checks.at_least_one("batch_size", batch_size)
  checks.non_negative("seed", seed)
  if batch_size > num_examples:
    raise ValueError(
      f"batch_size = {batch_size}, but '{dataset.name}' has {num_examples} "
      "examples to train on: expected a full batch. Choose a smaller "
      "batch_size."
    )
  num_steps = num_examples // batch_size

  # Two are kept, because at the end of an epoch the next one is read ahead.
  @functools.lru_cache(maxsize=2)
  def permutation(epoch):
    return np.random.default_rng((seed, epoch)).permutation(num_examples)

  def order(step):
    epoch, position = divmod(step, num_steps)
    start = position * batch_size
    index = permutation(epoch)[start : start + batch_size]
    return index.astype(np.int32), np.ones(batch_size, np.float32)

  return ordered_loader(
    dataset,
    order,
    num_examples=num_examples,
    batch_size=batch_size,
    num_steps=num_steps,
    resident_limit=resident_limit_bytes,
  )


def evaluation_loader(
  dataset: Dataset,
  batch_size: int,
  *,
  num_examples: int | None = None,
  resident_limit_bytes: int = RESIDENT_LIMIT_BYTES,
) -> Loader:
  """Every example once, in order; the last batch is padded with mask 0.

  Args:
    dataset: what to evaluate on.
    batch_size: B, over all processes. May exceed the number of examples.
    num_examples: how many, from the first. None is all.
    resident_limit_bytes: more than that is streamed.

  Raises:
    ValueError: the dataset is empty; the batch size is below 1 or not a
      multiple of the number of devices; `num_examples` is below 1 or more
      than there are.
  """
  num_examples = _num_examples(dataset, num_examples)
  checks.at_least_one("batch_size", batch_size)
  num_steps = math.ceil(num_examples / batch_size)

  def order(step):
    index = np.arange(step * batch_size, (step + 1) * batch_size)
    mask = index < num_examples
    # Padding repeats a real example, so that nothing computed on it is odd.
    return np.where(mask, index, 0).astype(np.int32), mask.astype(np.float32)

  return ordered_loader(
    dataset,
    order,
    num_examples=num_examples,
    batch_size=batch_size,
    num_steps=num_steps,
    end=num_steps,
    resident_limit=resident_limit_bytes,
  )


def _num_examples(dataset, expected):
  available = len(dataset)
  if available == 0:
    raise ValueError(
      f"'{dataset.name}' is empty: expected at least one example."
    )
  if expected is None:
    return available
  checks.at_least_one("num_examples", expected)
  if expected > available:
    raise ValueError(
      f"num_examples = {expected}, but '{dataset.name}' has {available}: "
      "choose fewer, or None for all."
    )
  return expected


def ordered_loader(
  dataset: Dataset,
  order: Callable[[int], tuple[np.ndarray, np.ndarray]],
  *,
  num_examples: int,
  batch_size: int,
  num_steps: int,
  end: int = ENDLESS,
  resident_limit: int = RESIDENT_LIMIT_BYTES,
) -> Loader:
  """Batches of a dataset in a given order.

  Args:
    dataset: what to read.
    order: `(step) -> (index int32 [B], mask float32 [B])`, all rows of the
      global batch.
    num_examples: indices are below this.
    batch_size: B, over all processes.
    num_steps: as in `Loader`.
    end: the step at which the indices end.
    resident_limit: more bytes than that are streamed.

  Raises:
    ValueError: the batch size does not divide by the number of devices, or what
      the dataset reads is not what its spec says.
  """
  rows = parallel.local_rows(batch_size)

  def index_of(step):
    index, mask = order(step)
    return {"index": index[rows], "mask": mask[rows]}

  def examples_of(step):
    index, mask = order(step)
    return _read(dataset, index[rows]) | {"mask": mask[rows]}

  if num_examples * _bytes_per_example(dataset.spec) <= resident_limit:
    device_data = _read(dataset, np.arange(num_examples))
    iterate = functools.partial(map, index_of)
    decode = _decode_indexed(dataset.decode)
  else:
    device_data = ()
    iterate = functools.partial(_read_ahead, examples_of)
    decode = _decode_streamed(dataset.decode)

  def indices(start):
    checks.non_negative("start", start)
    return iterate(range(start, end))

  return Loader(device_data, indices, decode, num_steps)


def num_rows(indices: PyTree) -> int:
  """Rows of a batch that this process gives, of all domains together.

  Args:
    indices: of one step, as a loader yields them: of each batch there is a
      mask.
  """
  is_batch = lambda node: isinstance(node, Mapping) and "mask" in node
  batches = jax.tree.leaves(indices, is_leaf=is_batch)
  return sum(len(batch["mask"]) for batch in batches)


def _bytes_per_example(spec):
  return sum(
    math.prod(leaf.shape) * leaf.dtype.itemsize
    for leaf in jax.tree.leaves(spec)
  )


def _read(dataset, indices):
  stored = dataset.read(indices)
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


def _read_ahead(read, steps):
  dataset = grain.MapDataset.range(steps.start, steps.stop).map(read)
  batches = iter(dataset.to_iter_dataset(_READ_AHEAD))
  # Whoever drops this generator thereby stops the threads.
  with contextlib.closing(batches):
    yield from batches


# One function for each `decode`, so that what is compiled of it is found again.
@functools.lru_cache(maxsize=32)
def _decode_indexed(decode):
  decode = _decode_streamed(decode)

  def decode_indexed(device_data: PyTree, indices: PyTree) -> Batch:
    # The indices are our own and in range; "clip" only spares the check.
    take = functools.partial(
      jnp.take, indices=indices["index"], axis=0, mode="clip"
    )
    stored = jax.tree.map(take, device_data)
    return decode((), stored | {"mask": indices["mask"]})

  return decode_indexed


@functools.lru_cache(maxsize=32)
def _decode_streamed(decode):
  def decode_streamed(device_data: PyTree, indices: PyTree) -> Batch:
    del device_data
    stored = {k: v for k, v in indices.items() if k != "mask"}
    return {**decode(stored), "mask": indices["mask"]}

  return decode_streamed
