"""Laws of every loader: the order of the examples and where it starts."""

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_jax.data.images import image_dataset
from robust_jax.data.loader import evaluation_loader, training_loader

STREAMED = 0  # bytes that may be resident
RESIDENT = 2**20

# Any number of test devices up to 8 divides these.
sizes = st.tuples(
  st.integers(min_value=8, max_value=70), st.sampled_from([8, 16, 24])
)


def toy(num_examples, name="toy", num_classes=256):
  """Image i is of the value i all over, and so is its label."""

  def read_pairs(indices):
    return [(np.full((2, 3, 1), i, np.uint8), i) for i in indices]

  return image_dataset(name, (2, 3, 1), num_classes, num_examples, read_pairs)


def take(loader, start, count):
  rows = itertools.islice(loader.indices(start), count)
  batches = [loader.decode(loader.device_data, indices) for indices in rows]
  return [jax.tree.map(np.asarray, batch) for batch in batches]


def epoch_of(loader, epoch):
  batches = take(loader, epoch * loader.num_steps, loader.num_steps)
  return np.concatenate([batch["y"] for batch in batches])


def assert_same(batches, others):
  assert len(batches) == len(others)
  jax.tree.map(np.testing.assert_array_equal, batches, others)


@settings(deadline=None, max_examples=8)
@given(sizes, st.integers(0, 30))
def test_a_streamed_training_batch_equals_the_resident_one(size, start):
  num_examples, batch_size = size[0] + 24, size[1]
  streamed, resident = (
    training_loader(
      toy(num_examples), batch_size, seed=3, resident_limit_bytes=limit
    )
    for limit in (STREAMED, RESIDENT)
  )
  assert streamed.device_data == ()
  assert resident.device_data["x"].shape == (num_examples, 2, 3, 1)
  assert_same(take(streamed, start, 7), take(resident, start, 7))


@settings(deadline=None, max_examples=8)
@given(sizes)
def test_a_streamed_evaluation_batch_equals_the_resident_one(size):
  streamed, resident = (
    evaluation_loader(toy(size[0]), size[1], resident_limit_bytes=limit)
    for limit in (STREAMED, RESIDENT)
  )
  count = streamed.num_steps
  assert_same(take(streamed, 0, count), take(resident, 0, count))


@pytest.mark.parametrize("limit", [STREAMED, RESIDENT])
def test_images_become_floats_in_the_unit_interval(limit):
  loader = training_loader(toy(256), 128, seed=0, resident_limit_bytes=limit)
  for batch in take(loader, 0, 2):
    assert batch["x"].dtype == np.float32
    assert batch["y"].dtype == np.int32
    assert batch["mask"].dtype == np.float32
    value = np.broadcast_to(batch["y"][:, None, None, None], batch["x"].shape)
    # Rounded twice, 1 / 255 and the product: at most 1 ulp of 1 away.
    np.testing.assert_allclose(batch["x"], value / 255, rtol=0, atol=1.2e-7)
    assert batch["x"].max() <= 1


def test_both_ends_of_the_range_are_exact():
  loader = evaluation_loader(toy(256), 256)
  (batch,) = take(loader, 0, 1)
  assert batch["x"][0].max() == 0
  assert batch["x"][255].min() == 1


@settings(deadline=None, max_examples=15)
@given(sizes, st.integers(0, 5), st.integers(0, 2**40))
def test_an_epoch_visits_no_example_twice_and_skips_less_than_a_batch(
  size, epoch, seed
):
  num_examples, batch_size = size[0] + 24, size[1]
  loader = training_loader(toy(num_examples), batch_size, seed=seed)
  visited = epoch_of(loader, epoch)
  assert len(set(visited)) == len(visited) > num_examples - batch_size
  assert set(visited) <= set(range(num_examples))


def test_where_the_batch_divides_the_data_an_epoch_is_a_permutation():
  loader = training_loader(toy(64), 16, seed=1)
  for epoch in range(3):
    np.testing.assert_array_equal(
      np.sort(epoch_of(loader, epoch)), np.arange(64)
    )


def test_epochs_and_seeds_differ_in_order():
  orders = [
    tuple(epoch_of(training_loader(toy(64), 16, seed=seed), epoch))
    for seed in range(3)
    for epoch in range(3)
  ]
  assert len(set(orders)) == 9
  assert tuple(range(64)) not in orders


def test_leftovers_change_so_every_example_is_trained_on():
  loader = training_loader(toy(23), 16, seed=0)
  visited = np.concatenate([epoch_of(loader, epoch) for epoch in range(12)])
  assert set(visited) == set(range(23))


@pytest.mark.parametrize("limit", [STREAMED, RESIDENT])
@pytest.mark.parametrize("start", [1, 4, 5, 9])
def test_a_restart_continues_as_if_never_interrupted(limit, start):
  loader = training_loader(toy(70), 16, seed=5, resident_limit_bytes=limit)
  again = training_loader(toy(70), 16, seed=5, resident_limit_bytes=limit)
  assert_same(take(again, start, 6), take(loader, 0, start + 6)[start:])


@pytest.mark.parametrize("limit", [STREAMED, RESIDENT])
def test_to_start_late_reads_nothing_of_what_came_before(limit):
  dataset = toy(64)
  read = []

  def count(indices):
    read.extend(indices)
    return dataset.read(indices)

  counting = dataclasses.replace(dataset, read=count)
  loader = training_loader(counting, 16, seed=0, resident_limit_bytes=limit)
  next(loader.indices(10**12))
  # What is resident is read once; streaming reads a few batches ahead.
  assert len(read) <= (64 if limit == RESIDENT else 16 * 16)


@settings(deadline=None, max_examples=15)
@given(sizes, st.data())
def test_the_mask_covers_each_example_exactly_once(size, data):
  num_examples, batch_size = size
  expected = data.draw(st.integers(1, num_examples))
  loader = evaluation_loader(
    toy(num_examples), batch_size, num_examples=expected
  )
  batches = take(loader, 0, loader.num_steps)
  assert len(batches) == -(-expected // batch_size)
  assert all(len(batch["y"]) == batch_size for batch in batches)
  labels = np.concatenate([batch["y"] for batch in batches])
  mask = np.concatenate([batch["mask"] for batch in batches])
  np.testing.assert_array_equal(labels[mask == 1], np.arange(expected))
  assert set(mask) <= {0, 1}


@pytest.mark.parametrize("limit", [STREAMED, RESIDENT])
def test_evaluation_may_start_anywhere_and_then_ends(limit):
  loader = evaluation_loader(toy(70), 16, resident_limit_bytes=limit)
  assert loader.num_steps == 5
  whole = take(loader, 0, None)
  for start in range(6):
    assert_same(take(loader, start, None), whole[start:])


def test_decode_compiles_and_is_one_function_for_every_resident_dataset():
  loader = training_loader(toy(64), 16, seed=0)
  indices = next(loader.indices(0))
  plain = loader.decode(loader.device_data, indices)
  compiled = jax.jit(loader.decode)(loader.device_data, indices)
  jax.tree.map(np.testing.assert_array_equal, plain, compiled)
  assert evaluation_loader(toy(64), 16).decode is loader.decode


def test_a_dropped_iterator_takes_its_threads_along():
  def readers():
    return [t for t in threading.enumerate() if "grain" in t.name]

  loader = training_loader(toy(64), 16, seed=0, resident_limit_bytes=STREAMED)
  stream = loader.indices(0)
  next(stream)
  assert readers()
  del stream
  deadline = time.monotonic() + 10
  while readers() and time.monotonic() < deadline:
    time.sleep(0.01)
  assert not readers()


def test_an_error_while_reading_ahead_reaches_the_caller():
  loader = training_loader(
    toy(64, "odd", num_classes=5), 16, seed=0, resident_limit_bytes=STREAMED
  )
  with pytest.raises(ValueError, match=r"of 'odd' is \d+: expected 0\.\.4"):
    next(loader.indices(0))


def test_ctrl_c_ends_a_program_that_streams():
  program = """
    import signal
    import time
    import numpy as np
    from robust_jax.data.loader import training_loader
    from robust_jax.data.images import image_dataset

    # What a shell starts in the background ignores Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def read_pairs(indices):
      time.sleep(0.2)
      return [(np.zeros((1, 1, 1), np.uint8), 0) for _ in indices]

    dataset = image_dataset("slow", (1, 1, 1), 2, 64, read_pairs)
    loader = training_loader(dataset, 64, seed=0, resident_limit_bytes=0)
    for indices in loader.indices(0):
      print("reading", flush=True)
  """
  process = subprocess.Popen(
    [sys.executable, "-c", textwrap.dedent(program)],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    cwd=Path(__file__).parents[2],
    env={**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"},
  )
  try:
    assert process.stdout.readline() == "reading\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
  finally:
    process.kill()
  assert errors.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: training_loader(toy(0), 8, seed=0), "'toy' is empty"),
    (lambda: evaluation_loader(toy(0), 8), "'toy' is empty"),
    (lambda: training_loader(toy(8), 0, seed=0), "batch_size = 0"),
    (lambda: evaluation_loader(toy(8), -8), "batch_size = -8"),
    (
      lambda: training_loader(toy(8), 16, seed=0),
      "batch_size = 16, but 'toy' has 8 examples",
    ),
    (lambda: training_loader(toy(8), 8, seed=-1), "seed = -1"),
    (
      lambda: evaluation_loader(toy(8), 8, num_examples=9),
      "num_examples = 9, but 'toy' has 8",
    ),
    (lambda: evaluation_loader(toy(8), 8, num_examples=0), "num_examples = 0"),
    (lambda: evaluation_loader(toy(8), 8).indices(-1), "start = -1"),
  ],
)
def test_bad_arguments_are_refused_before_anything_is_read(make, message):
  with pytest.raises(ValueError, match=message):
    make()
