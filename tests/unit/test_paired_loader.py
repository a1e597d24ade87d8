"""Laws of two streams of different length that are loaded side by side."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_jax import parallel
from robust_jax.data.images import image_dataset
from robust_jax.data.loader import Loader, num_rows
from robust_jax.data.paired_loader import paired_loader
from robust_jax.training.loop import LoopConfig, train
from robust_jax.training.monitor import Monitor
from robust_jax.types import State, Task

STREAMED, RESIDENT = 0, 2**20


def toy(num_examples, name="toy", label=lambda i: i, shape=(1, 2, 1)):
  """Image i is of the value i all over."""

  def read_pairs(indices):
    return [(np.full(shape, i, np.uint8), label(i)) for i in indices]

  return image_dataset(
    name, shape, 256, num_examples, read_pairs, unknown_labels=True
  )


def take(loader, start, count):
  rows = itertools.islice(loader.indices(start), count)
  batches = [loader.decode(loader.device_data, indices) for indices in rows]
  return [jax.tree.map(np.asarray, batch) for batch in batches]


def assert_same(batches, others):
  assert len(batches) == len(others)
  jax.tree.map(np.testing.assert_array_equal, batches, others)


def stream(batches, domain):
  """Which images came, one after another."""
  x = np.concatenate([batch[domain]["x"][:, 0, 0, 0] for batch in batches])
  return np.rint(x * 255).astype(int)


@pytest.mark.parametrize("limit", [STREAMED, RESIDENT])
@settings(deadline=None, max_examples=4)
@given(num_source=st.integers(1, 40), num_target=st.integers(1, 40))
def test_each_stream_covers_its_data_once_per_epoch_of_its_own(
  limit, num_source, num_target
):
  loader = paired_loader(
    [toy(num_source)], toy(num_target), 8, seed=0, resident_limit_bytes=limit
  )
  batches = take(loader, 0, 12)
  for domain, size in (("source", num_source), ("target", num_target)):
    seen = stream(batches, domain)
    for start in range(0, len(seen) - size + 1, size):
      epoch = np.sort(seen[start : start + size])
      np.testing.assert_array_equal(epoch, np.arange(size))
  assert loader.num_steps == -(-max(num_source, num_target) // 8)


@pytest.mark.parametrize("limit", [STREAMED, RESIDENT])
@pytest.mark.parametrize("start", [1, 5, 11])
def test_a_restart_continues_as_if_never_interrupted(limit, start):
  loader, again = (
    paired_loader(
      [toy(30), toy(13)], toy(21), 8, seed=5, resident_limit_bytes=limit
    )
    for _ in range(2)
  )
  assert_same(take(again, start, 4), take(loader, 0, start + 4)[start:])
  assert len(take(loader, 10**12, 1)) == 1


def test_streamed_batches_equal_resident_ones():
  streamed, resident = (
    paired_loader(
      [toy(30), toy(13)], toy(21), 8, seed=5, resident_limit_bytes=limit
    )
    for limit in (STREAMED, RESIDENT)
  )
  assert_same(take(streamed, 2, 5), take(resident, 2, 5))


@pytest.mark.parametrize("limit", [STREAMED, RESIDENT])
def test_the_targets_labels_change_nothing_that_is_loaded(limit):
  loaders = [
    paired_loader(
      [toy(30)], toy(21, label=label), 8, seed=1, resident_limit_bytes=limit
    )
    for label in (lambda i: i, lambda i: (7 * i) % 21, lambda i: -1)
  ]
  assert_same(*(take(loader, 0, 6) for loader in loaders[:2]))
  assert_same(*(take(loader, 0, 6) for loader in loaders[1:]))
  for loader in loaders:
    assert set(take(loader, 0, 1)[0]["target"]) == {"x", "mask", "domain"}
    assert "y" not in next(loader.indices(0))["target"]
    assert "y" not in (loader.device_data["target"] or ())
    jax.tree.map(
      np.testing.assert_array_equal, loader.device_data, loaders[0].device_data
    )


def test_domains_of_the_same_images_are_shuffled_apart():
  loader = paired_loader([toy(64), toy(64)], toy(64), 16, seed=0)
  batches = take(loader, 0, 4)
  source, target = stream(batches, "source"), stream(batches, "target")
  domain = np.concatenate([batch["source"]["domain"] for batch in batches])
  first, second = source[domain == 0], source[domain == 1]
  assert (first == second).mean() < 0.2
  assert (source == target).mean() < 0.2
  epochs = stream(take(loader, 0, 8), "target").reshape(2, 64)
  assert (epochs[0] == epochs[1]).mean() < 0.2
  other = paired_loader([toy(64), toy(64)], toy(64), 16, seed=1)
  assert (stream(take(other, 0, 4), "target") == target).mean() < 0.2


def test_sources_say_which_they_are_and_give_equally_many():
  sources = [toy(30, label=lambda i, d=d: d) for d in range(4)]
  loader = paired_loader(sources, toy(9), 8, seed=0)
  for batch in take(loader, 0, 3):
    source = batch["source"]
    assert source["domain"].dtype == np.int32
    assert np.bincount(source["domain"]).tolist() == [2, 2, 2, 2]
    np.testing.assert_array_equal(source["domain"], source["y"])
    assert source["x"].shape == batch["target"]["x"].shape == (8, 1, 2, 1)
    assert batch["target"]["mask"].tolist() == [1] * 8
  assert num_rows(next(loader.indices(0))) == 16


def test_every_device_has_its_fraction_of_all_domains():
  loader = paired_loader([toy(30), toy(30)], toy(9), 16, seed=0)

  def count(state, batch, key):
    del key
    source = batch["source"]
    shape = source["x"].shape[0], batch["target"]["x"].shape[0]
    return state._replace(step=state.step + 1), {
      "rows": parallel.mean(jnp.array(shape)),
      "second": parallel.mean(jnp.sum(source["domain"])),
      "spread": parallel.total(jnp.sum(source["domain"]) ** 2),
    }

  step = parallel.simulate_step(count, 4, loader.decode)
  state = State(jnp.int32(0), {}, {}, ())
  indices = next(loader.indices(0))
  _, seen = step(state, loader.device_data, indices, jax.random.key(0))
  assert seen["rows"].tolist() == [4, 4]
  assert seen["second"] == 2
  assert seen["spread"] == 4 * 2**2


def mean_gap():
  """A task that follows the distance of the domains' means."""

  def init(key, batch):
    del key, batch
    return State(jnp.int32(0), {"gap": jnp.float32(0)}, {}, ())

  def step(state, batch, key):
    del key
    source, target = batch["source"]["x"], batch["target"]["x"]
    gap = parallel.mean(source.mean() - target.mean())
    params = {"gap": 0.5 * (state.params["gap"] + gap)}
    report = {"loss": (gap, jnp.float32(1))}
    return state._replace(step=state.step + 1, params=params), report

  def evaluate(state, batch, key):
    del key
    return {"accuracy": (state.params["gap"] * 0 + 1, batch["mask"].sum())}

  identity = lambda state: lambda x: x
  return Task(init, step, evaluate, identity, lambda state: state.params)


def test_the_loop_trains_on_pairs(tmp_path):
  loader = paired_loader([toy(30)], toy(200), 8, seed=0)
  validation = Loader(
    (),
    lambda start: iter([{"mask": np.ones(8, np.float32)}]),
    parallel.decode_batch,
    1,
  )
  plan = LoopConfig(
    num_steps=6, log_every=2, evaluate_every=6, monitor=Monitor("accuracy")
  )
  key = jax.random.key(0)
  outcome = train(mean_gap(), loader, validation, plan, key, tmp_path)
  assert outcome.status == "finished"
  lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
  records = [json.loads(line) for line in lines]
  assert any(r.get("examples_per_second", 0) > 0 for r in records)


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: paired_loader([], toy(8), 8, seed=0), "no source domain"),
    (lambda: paired_loader([toy(0)], toy(8), 8, seed=0), "'toy' is empty"),
    (lambda: paired_loader([toy(8)], toy(0), 8, seed=0), "'toy' is empty"),
    (lambda: paired_loader([toy(8)], toy(8), 0, seed=0), "batch_size = 0"),
    (lambda: paired_loader([toy(8)], toy(8), 8, seed=-1), "seed = -1"),
    (
      lambda: paired_loader([toy(8)] * 3, toy(8), 8, seed=0),
      "batch_size = 8 does not divide by 3 source domains",
    ),
    (
      lambda: paired_loader(
        [toy(8, "gray")], toy(8, "m", shape=(1, 2, 3)), 8, seed=0
      ),
      r"'gray' are uint8 \(1, 2, 1\), those of the target 'm' uint8 \(1, 2, 3",
    ),
  ],
)
def test_domains_that_do_not_fit_are_refused(make, message):
  with pytest.raises(ValueError, match=message):
    make()
