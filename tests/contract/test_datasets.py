"""Laws of every dataset, whatever its examples are, and of its loaders."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import chex
import jax
import numpy as np
import pytest

from robust_jax.data.concatenate import concatenate
from robust_jax.data.dataset import Dataset, spec_of_batch
from robust_jax.data.loader import evaluation_loader, num_rows, training_loader
from tests.contract.kinds_of_data import KINDS

STREAMED, RESIDENT = 0, 2**20
BATCH_SIZE = 8


@pytest.fixture(scope="module", params=KINDS)
def dataset(request) -> Dataset:
  return KINDS[request.param]()


def take(loader, start, count):
  """Batches from a step on, made in a compiled program as in training."""
  rows = itertools.islice(loader.indices(start), count)
  decode = jax.jit(loader.decode)
  return [jax.device_get(decode(loader.device_data, r)) for r in rows]


def loaders(dataset, make, **options):
  return (
    make(dataset, resident_limit_bytes=limit, **options)
    for limit in (STREAMED, RESIDENT)
  )


def stacked(batches):
  """Each example by itself, without padding, as bytes."""
  found = []
  for batch in batches:
    fields = jax.tree.leaves({k: v for k, v in batch.items() if k != "mask"})
    found += [
      b"".join(leaf[row].tobytes() for leaf in fields)
      for row in np.flatnonzero(batch["mask"])
    ]
  return found


def test_examples_are_as_the_spec_says_in_the_order_asked_for(dataset):
  indices = np.array([7, 3, 3, len(dataset) - 1])
  stored = dataset.read(indices)
  expected = jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct((4, *leaf.shape), leaf.dtype),
    dict(dataset.spec),
  )
  chex.assert_trees_all_equal_shapes_and_dtypes(stored, expected)
  for row, index in enumerate(indices):
    alone = dataset.read(np.array([index]))
    chex.assert_trees_all_equal(
      alone, jax.tree.map(lambda rows, r=row: rows[r : r + 1], stored)
    )


def test_reading_in_threads_is_reading(dataset):
  rng = np.random.default_rng(0)
  asked = [rng.integers(0, len(dataset), 9) for _ in range(64)]
  expected = [dataset.read(indices) for indices in asked]
  with ThreadPoolExecutor(8) as threads:
    chex.assert_trees_all_equal(
      list(threads.map(dataset.read, asked)), expected
    )


def test_decoding_is_the_same_compiled_or_not_and_of_each_example_alone(
  dataset,
):
  stored = dataset.read(np.arange(5))
  batch = jax.device_get(dataset.decode(stored))
  assert "mask" not in batch
  chex.assert_trees_all_equal(
    jax.device_get(jax.jit(dataset.decode)(stored)), batch
  )
  alone = jax.jit(dataset.decode)(jax.tree.map(lambda rows: rows[2:3], stored))
  chex.assert_trees_all_equal(
    jax.device_get(alone), jax.tree.map(lambda rows: rows[2:3], batch)
  )


def test_the_spec_of_a_batch_is_that_of_batches(dataset):
  loader = evaluation_loader(dataset, 2)
  indices = next(loader.indices(0))
  batch = jax.eval_shape(loader.decode, loader.device_data, indices)
  assert batch == spec_of_batch(dataset)


def test_streamed_resident_and_restarted_batches_are_one(dataset):
  streamed, resident = loaders(
    dataset, training_loader, batch_size=BATCH_SIZE, seed=1
  )
  assert streamed.device_data == () != resident.device_data
  steps = 2 * resident.num_steps
  batches = take(resident, 0, steps)
  chex.assert_trees_all_equal(take(streamed, 0, steps), batches)
  for loader in (streamed, resident):
    assert num_rows(next(loader.indices(0))) == BATCH_SIZE
    for start in (1, resident.num_steps, steps - 1):
      chex.assert_trees_all_equal(
        take(loader, start, steps - start), batches[start:]
      )


def test_an_epoch_has_every_example_once(dataset):
  assert len(dataset) % BATCH_SIZE == 0
  loader = training_loader(dataset, BATCH_SIZE, seed=0)
  all_of_it = stacked(take(evaluation_loader(dataset, BATCH_SIZE), 0, None))
  assert len(all_of_it) == len(dataset)
  epochs = [
    stacked(take(loader, epoch * loader.num_steps, loader.num_steps))
    for epoch in range(2)
  ]
  assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(all_of_it)
  assert epochs[0] != epochs[1]


def test_padding_has_mask_0_and_is_like_an_example(dataset):
  for loader in loaders(dataset, evaluation_loader, batch_size=32):
    (*_, last) = take(loader, 0, None)
    rest = len(dataset) % 32
    assert last["mask"].dtype == np.float32
    assert last["mask"].tolist() == [1] * rest + [0] * (32 - rest)
    first = jax.device_get(dataset.decode(dataset.read(np.zeros(1, int))))
    chex.assert_trees_all_equal(
      jax.tree.map(lambda rows: rows[-1:], last),
      first | {"mask": last["mask"][-1:]},
    )


def test_after_itself_a_dataset_comes_twice(dataset):
  indices = np.array([len(dataset), 2, 2 * len(dataset) - 1, 0])
  twice = concatenate([dataset, dataset])
  assert len(twice) == 2 * len(dataset)
  assert twice.info == dataset.info
  chex.assert_trees_all_equal(
    twice.read(indices), dataset.read(indices % len(dataset))
  )
