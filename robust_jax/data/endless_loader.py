"""A loader of one stream among several that are loaded side by side."""

import functools
import math

import numpy as np

from robust_jax.data.dataset import Dataset
from robust_jax.data.loader import Loader, ordered_loader


def endless_loader(
  dataset: Dataset,
  batch_size: int,
  *,
  seed: int,
  stream: int,
  resident_limit: int,
) -> Loader:
  """Full batches without end, of one permutation after another.

  Unlike `training_loader`, nothing is skipped: a batch may end one epoch and
  begin the next, or hold several of a small dataset.

  Args:
    dataset: not empty.
    batch_size: B, over all processes.
    seed: of the orders.
    stream: number of the stream; each has permutations of its own, drawn from
      (seed, stream, epoch).
    resident_limit: more bytes than that are streamed.

  Returns:
    The loader, whose `num_steps` is an epoch, rounded up.

  Raises:
    ValueError: the batch size does not divide by the number of devices.
  """
  num_examples = len(dataset)

  # A batch spans two epochs where one ends, more of a small dataset.
  @functools.lru_cache(maxsize=2 + batch_size // num_examples)
  def permutation(epoch):
    draw = np.random.default_rng((seed, stream, epoch))
    return draw.permutation(num_examples).astype(np.int32)

  def order(step):
    places = range(step * batch_size, (step + 1) * batch_size)
    index = [permutation(p // num_examples)[p % num_examples] for p in places]
    return np.array(index, np.int32), np.ones(batch_size, np.float32)

  return ordered_loader(
    dataset,
    order,
    num_examples=num_examples,
    batch_size=batch_size,
    num_steps=math.ceil(num_examples / batch_size),
    resident_limit=resident_limit,
  )
