"""What a training loop is fed: batches whose order is a function of the step.

A batch takes two stages. The host makes a *request*; inside the compiled step
`fetch` turns it, and what is resident on the device, into the batch. A data set
that fits lies on the device as 8-bit integers and a request is a list of
indices; one that does not is streamed by Grain, which reads ahead in threads,
and a request is the examples themselves. Both hold the same examples in the
same order, so a run's position is its step: there is nothing else to save.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import grain
import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks, parallel
from robust_jax.data.source import Source
from robust_jax.types import Batch, PyTree

RESIDENT_LIMIT_BYTES = 2**30

# Decoding lets go of the interpreter's lock for all but tiny images, so a few
# threads help and many get into each other's way; two batches in hand for each
# cover the uneven time that reading takes.
_READ_AHEAD = grain.ReadOptions(num_threads=4, prefetch_buffer_size=8)

# Grain wants an end; no training gets there.
ENDLESS = 2**62


class Feed(NamedTuple):
  """Batches in two stages.

  Attributes:
    resident: uint8 `[N, H, W, C]` images and int32 `[N]` labels that stay on
      the devices, here still on the host (`parallel.replicate` places them);
      `()` if streamed.
    requests: `(start step) -> ` iterator of host pytrees of arrays, one per
      step from there on, which lead with this process's rows of the global
      batch. To start late costs no more than to start at 0.
    fetch: `(resident, request) -> Batch`, with `x` float32 in [0, 1]; pure, to
      be compiled into the step.
    num_steps: steps per epoch to train, in total to evaluate.
  """

  resident: PyTree
  requests: Callable[[int], Iterator[PyTree]]
  fetch: Callable[[PyTree, PyTree], Batch]
  num_steps: int


def training_feed(
  source: Source,
  batch_size: int,
  *,
  seed: int,
  resident_limit_bytes: int = RESIDENT_LIMIT_BYTES,
) -> Feed:
  """Full batches without end, shuffled anew in every epoch.

  Each epoch is a permutation drawn from (seed, epoch), the same for one version
  of NumPy; what is left over at its end (fewer than `batch_size` examples,
  others each time) is skipped.

  Args:
    source: what to train on.
    batch_size: B, over all processes.
    seed: of the order.
    resident_limit_bytes: a larger source is streamed.

  Raises:
    ValueError: the source is empty; the batch size is below 1, above the number
      of examples or not a multiple of the number of devices; the seed is
      negative.
  """
  num_examples = _num_examples(source, None)
  checks.at_least_one("batch_size", batch_size)
  checks.non_negative("seed", seed)
  if batch_size > num_examples:
    raise ValueError(
      f"batch_size = {batch_size}, but '{source.name}' has {num_examples} "
      "examples to train on: wanted a full batch. Choose a smaller batch_size."
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

  return ordered_feed(
    source,
    order,
    num_examples=num_examples,
    batch_size=batch_size,
    num_steps=num_steps,
    resident_limit=resident_limit_bytes,
  )


def evaluation_feed(
  source: Source,
  batch_size: int,
  *,
  num_examples: int | None = None,
  resident_limit_bytes: int = RESIDENT_LIMIT_BYTES,
) -> Feed:
  """Every example once, in order; the last batch is padded with mask 0.

  Args:
    source: what to evaluate on.
    batch_size: B, over all processes. May exceed the number of examples.
    num_examples: how many, from the first. None is all.
    resident_limit_bytes: more than that is streamed.

  Raises:
    ValueError: the source is empty; the batch size is below 1 or not a multiple
      of the number of devices; `num_examples` is below 1 or more than there
      are.
  """
  num_examples = _num_examples(source, num_examples)
  checks.at_least_one("batch_size", batch_size)
  num_steps = math.ceil(num_examples / batch_size)

  def order(step):
    index = np.arange(step * batch_size, (step + 1) * batch_size)
    mask = index < num_examples
    # Padding repeats a real example, so that nothing computed on it is odd.
    return np.where(mask, index, 0).astype(np.int32), mask.astype(np.float32)

  return ordered_feed(
    source,
    order,
    num_examples=num_examples,
    batch_size=batch_size,
    num_steps=num_steps,
    end=num_steps,
    resident_limit=resident_limit_bytes,
  )


def _num_examples(source, wanted):
  available = len(source)
  if available == 0:
    raise ValueError(f"'{source.name}' is empty: wanted at least one example.")
  if wanted is None:
    return available
  checks.at_least_one("num_examples", wanted)
  if wanted > available:
    raise ValueError(
      f"num_examples = {wanted}, but '{source.name}' has {available}: choose "
      "fewer, or None for all."
    )
  return wanted


def ordered_feed(
  source: Source,
  order: Callable[[int], tuple[np.ndarray, np.ndarray]],
  *,
  num_examples: int,
  batch_size: int,
  num_steps: int,
  end: int = ENDLESS,
  resident_limit: int = RESIDENT_LIMIT_BYTES,
) -> Feed:
  """Batches of a source in a given order.

  Args:
    source: what to read.
    order: `(step) -> (index int32 [B], mask float32 [B])`, all rows of the
      global batch.
    num_examples: indices are below this.
    batch_size: B, over all processes.
    num_steps: as in `Feed`.
    end: the step at which the requests end.
    resident_limit: more bytes than that are streamed.

  Raises:
    ValueError: the batch size does not divide by the number of devices.
  """
  rows = parallel.local_rows(batch_size)

  def indices(step):
    index, mask = order(step)
    return {"index": index[rows], "mask": mask[rows]}

  def examples(step):
    request = indices(step)
    return source.read(request["index"]) | {"mask": request["mask"]}

  bytes_per_example = math.prod(source.image_shape) + np.int32().nbytes
  if num_examples * bytes_per_example <= resident_limit:
    resident = source.read(np.arange(num_examples))
    iterate, fetch = functools.partial(map, indices), _gather
  else:
    resident = ()
    iterate, fetch = functools.partial(_read_ahead, examples), _decode

  def requests(start):
    checks.non_negative("start", start)
    return iterate(range(start, end))

  return Feed(resident, requests, fetch, num_steps)


def _read_ahead(read, steps):
  dataset = grain.MapDataset.range(steps.start, steps.stop).map(read)
  batches = iter(dataset.to_iter_dataset(_READ_AHEAD))
  # Whoever drops this generator thereby stops the threads.
  with contextlib.closing(batches):
    yield from batches


def _gather(resident: PyTree, request: PyTree) -> Batch:
  # The indices are our own and in range; "clip" only spares the check.
  take = functools.partial(
    jnp.take, indices=request["index"], axis=0, mode="clip"
  )
  return _decode((), jax.tree.map(take, resident) | {"mask": request["mask"]})


def _decode(resident: PyTree, request: PyTree) -> Batch:
  del resident
  # XLA makes this of a division, NumPy does not: said outright, all agree.
  x = jnp.asarray(request["x"], jnp.float32) * (1 / 255)
  return {**request, "x": x}
