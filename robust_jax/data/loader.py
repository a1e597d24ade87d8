"""Loaders: batches of a dataset in an order that is a function of the step.

A batch is made in two stages. The host determines its examples; inside the
compiled step `decode` makes the batch from them and from data that stay on the
device. A dataset that fits is kept on the device as it is stored, and the host
sends indices; a larger one is streamed by Grain, which reads ahead in threads,
and the host sends stored examples. Both give the same examples in the same
order. The position of a run is its step, so there is no state to save.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import jax
import numpy as np

from robust_jax import checks, parallel
from robust_jax.data import _stages
from robust_jax.data.dataset import Dataset
from robust_jax.types import Batch, PyTree

RESIDENT_LIMIT_BYTES = 2**30

# Grain requires a number of steps; no training reaches this one.
ENDLESS = 2**62


class Loader(NamedTuple):
  """Batches in two stages.

  Attributes:
    device_data: stored examples for the devices, still on the host
      (`parallel.replicate` places them): a pytree of arrays that lead with the
      number of examples; `()` if streamed.
    indices: `(start step) -> iterator` of one host pytree per step: the indices
      of the batch into `device_data`, or, if streamed, the stored examples; and
      `mask [B]`. Leaves lead with this process's rows of the global batch.
      Starting late costs no more than starting at 0.
    decode: `(device_data, indices of a step) -> Batch`; pure, to be compiled
      into the step.
    num_steps: number of steps per epoch for training, in total for evaluation.
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
  """Full batches without end, reshuffled in every epoch.

  Each epoch is a permutation drawn from (seed, epoch), reproducible for a
  version of NumPy. The remainder of an epoch (fewer than `batch_size` examples,
  different ones each time) is skipped.

  Args:
    dataset: training dataset. If it has `read_training`, that is called with
      (seed, epoch), and the dataset is streamed.
    batch_size: B, over all processes.
    seed: seed of the order.
    resident_limit_bytes: size above which a dataset is streamed.

  Returns:
    A `Loader`.

  Raises:
    ValueError: the dataset is empty; the batch size is below 1, above the
      number of examples or not a multiple of the number of devices; the seed is
      negative.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.dataset import from_arrays
    >>> from robust_jax.data.loader import training_loader
    >>> dataset = from_arrays("toy", {"x": np.arange(16.0)})
    >>> loader = training_loader(dataset, batch_size=8, seed=0)
    >>> epoch = loader.indices(0)
    >>> rows = [next(epoch)["index"] for _ in range(loader.num_steps)]
    >>> sorted(np.concatenate(rows).tolist()) == list(range(16))
    True
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

  # Two are cached, since the next epoch is read ahead at the end of one.
  @functools.lru_cache(maxsize=2)
  def permutation(epoch):
    return np.random.default_rng((seed, epoch)).permutation(num_examples)

  def order(step):
    epoch, position = divmod(step, num_steps)
    start = position * batch_size
    index = permutation(epoch)[start : start + batch_size]
    return index.astype(np.int32), np.ones(batch_size, np.float32)

  changes = dataset.read_training is not None
  return ordered_loader(
    dataset,
    order,
    num_examples=num_examples,
    batch_size=batch_size,
    num_steps=num_steps,
    resident_limit=0 if changes else resident_limit_bytes,
    seed_of=lambda step: (seed, step // num_steps),
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
    dataset: evaluation dataset.
    batch_size: B, over all processes. It may exceed the number of examples.
    num_examples: number of examples, from the first; None for all.
    resident_limit_bytes: size above which a dataset is streamed.

  Returns:
    A `Loader`.

  Raises:
    ValueError: the dataset is empty; the batch size is below 1 or not a
      multiple of the number of devices; `num_examples` is below 1 or above the
      number of examples.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.dataset import from_arrays
    >>> from robust_jax.data.loader import evaluation_loader
    >>> dataset = from_arrays("toy", {"x": np.arange(12.0)})
    >>> loader = evaluation_loader(dataset, batch_size=8)
    >>> [int(batch["mask"].sum()) for batch in loader.indices(0)]
    [8, 4]
  """
  num_examples = _num_examples(dataset, num_examples)
  checks.at_least_one("batch_size", batch_size)
  num_steps = math.ceil(num_examples / batch_size)

  def order(step):
    index = np.arange(step * batch_size, (step + 1) * batch_size)
    mask = index < num_examples
    # Padding repeats a real example, so that computations stay ordinary.
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


def _num_examples(dataset, requested):
  available = len(dataset)
  if available == 0:
    raise ValueError(
      f"'{dataset.name}' is empty: expected at least one example."
    )
  if requested is None:
    return available
  checks.at_least_one("num_examples", requested)
  if requested > available:
    raise ValueError(
      f"num_examples = {requested}, but '{dataset.name}' has {available}: "
      "choose fewer, or None for all."
    )
  return requested


def ordered_loader(
  dataset: Dataset,
  order: Callable[[int], tuple[np.ndarray, np.ndarray]],
  *,
  num_examples: int,
  batch_size: int,
  num_steps: int,
  end: int = ENDLESS,
  resident_limit: int = RESIDENT_LIMIT_BYTES,
  seed_of: Callable[[int], tuple[int, ...]] | None = None,
) -> Loader:
  """Batches of a dataset in a given order.

  Args:
    dataset: dataset to read.
    order: `(step) -> (index int32 [B], mask float32 [B])`, for all rows of the
      global batch.
    num_examples: upper bound of the indices.
    batch_size: B, over all processes.
    num_steps: see `Loader`.
    end: step at which the indices end.
    resident_limit: size in bytes above which the dataset is streamed.
    seed_of: `(step) -> seed` of `dataset.read_training`, if it is streamed;
      None reads examples as they are.

  Returns:
    A `Loader`.

  Raises:
    ValueError: the batch size is not a multiple of the number of devices, or
      the examples read differ from the spec.
  """
  rows = parallel.local_rows(batch_size)

  def index_of(step):
    index, mask = order(step)
    return {"index": index[rows], "mask": mask[rows]}

  def examples_of(step):
    index, mask = order(step)
    seed = None if seed_of is None else seed_of(step)
    return _stages.read(dataset, index[rows], seed) | {"mask": mask[rows]}

  device_data: PyTree = ()
  iterate: Callable[[range], Iterator[PyTree]]
  if num_examples * _stages.bytes_per_example(dataset.spec) <= resident_limit:
    device_data = _stages.read(dataset, np.arange(num_examples))
    iterate = functools.partial(map, index_of)
    decode = _stages.decode_indexed(dataset.decode)
  else:
    iterate = functools.partial(_stages.read_ahead, examples_of)
    decode = _stages.decode_streamed(dataset.decode)

  def indices(start):
    checks.non_negative("start", start)
    return iterate(range(start, end))

  return Loader(device_data, indices, decode, num_steps)


def num_rows(indices: PyTree) -> int:
  """Returns the rows of a batch that this process provides, over all domains.

  Args:
    indices: indices of one step from a loader, with a mask for each batch.
  """
  is_batch = lambda node: isinstance(node, Mapping) and "mask" in node
  batches = jax.tree.leaves(indices, is_leaf=is_batch)
  return sum(len(batch["mask"]) for batch in batches)
