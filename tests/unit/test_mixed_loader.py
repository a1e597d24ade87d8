"""Real examples mixed with extra ones: ratio, labels, order, config."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import build
from experiments.configs.adversarial import digits_pgd
from experiments.studies.pseudo_labels import pseudo_labels
from robust_jax import attacks, losses, parallel, search
from robust_jax import perturbations as sets
from robust_jax.data.images import image_dataset
from robust_jax.data.mixed_loader import mixed_loader
from robust_jax.data.readers.npz_dataset import npz_dataset
from robust_jax.tasks.supervised import example
from robust_jax.training.dry_run import dry_run

STREAMED, RESIDENT = 0, 2**20
K = 4


def toy(num_examples, first=0, num_classes=K):
  """Image i is of the value `first + i` all over, its class i modulo K."""

  def read_pairs(indices):
    return [
      (np.full((1, 2, 1), first + i, np.uint8), i % num_classes)
      for i in indices
    ]

  return image_dataset("toy", (1, 2, 1), num_classes, num_examples, read_pairs)


def mixed(limit=RESIDENT, fraction=0.75, smoothing=0.0, sizes=(10, 30)):
  real, extra = toy(sizes[0]), toy(sizes[1], first=100)
  return mixed_loader(
    real,
    extra,
    8,
    extra_fraction=fraction,
    label_smoothing=smoothing,
    seed=3,
    resident_limit_bytes=limit,
  )


def take(loader, start, count):
  rows = itertools.islice(loader.indices(start), count)
  decode = jax.jit(loader.decode)
  return [jax.device_get(decode(loader.device_data, r)) for r in rows]


def values(batches):
  return np.rint(np.stack([b["x"][:, 0, 0, 0] for b in batches]) * 255)


@pytest.mark.parametrize("limit", [STREAMED, RESIDENT])
def test_each_batch_has_the_ratio_and_each_dataset_its_own_epochs(limit):
  seen = values(take(mixed(limit), 0, 10))
  real, extra = seen[:, :2].ravel(), seen[:, 2:].ravel()
  assert real.max() < 100 <= extra.min()
  for stream, size, first in ((real, 10, 0), (extra, 30, 100)):
    for start in range(0, len(stream), size):
      epoch = np.sort(stream[start : start + size])
      np.testing.assert_array_equal(epoch, first + np.arange(size))


@pytest.mark.parametrize("limit", [STREAMED, RESIDENT])
def test_a_restart_continues_as_if_never_interrupted(limit):
  batches = take(mixed(smoothing=0.1), 0, 7)
  again = take(mixed(limit, smoothing=0.1), 4, 3)
  jax.tree.map(np.testing.assert_array_equal, again, batches[4:])


def test_batches_may_be_of_the_extra_examples_alone():
  batches = take(mixed(fraction=1.0, smoothing=0.2), 0, 15)
  seen = values(batches).reshape(4, 30)
  for epoch in np.sort(seen, axis=1):
    np.testing.assert_array_equal(epoch, 100 + np.arange(30))
  rows = np.stack([b["y"] for b in batches])
  assert rows.shape == (15, 8, K)
  np.testing.assert_allclose(rows.max(-1), 0.8 + 0.2 / K, rtol=1e-6)


def test_labels_of_the_extra_part_alone_are_smoothed():
  plain, smooth = (take(mixed(smoothing=s), 2, 1)[0] for s in (0.0, 0.2))
  one_hot = np.eye(K)[plain["y"]]
  np.testing.assert_allclose(smooth["y"][:2], one_hot[:2])
  np.testing.assert_allclose(
    smooth["y"][2:], 0.8 * one_hot[2:] + 0.2 / K, rtol=1e-6
  )
  assert plain["y"].dtype == np.int32


def test_an_epoch_is_one_of_the_real_examples():
  assert mixed().num_steps == 1
  assert mixed(sizes=(80, 9)).num_steps == 10


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: mixed(fraction=1.1), "extra_fraction = 1.1: expected more than 0"),
    (lambda: mixed(fraction=0.99), "of a batch of 8 is 8 examples"),
    (lambda: mixed(fraction=0.01), "of a batch of 8 is 0 examples"),
    (lambda: mixed(smoothing=1.5), "label_smoothing = 1.5: expected 1.0"),
    (
      lambda: mixed_loader(
        toy(4), toy(4, num_classes=3), 4, extra_fraction=0.5, seed=0
      ),
      "has 3 classes, 'toy' has 4",
    ),
  ],
)
def test_what_cannot_be_mixed_is_refused(make, message):
  with pytest.raises(ValueError, match=message):
    make()


def test_every_device_has_its_share_of_both():
  loader = mixed(sizes=(16, 16), fraction=0.5)

  def report(state, batch, key):
    del key
    extra = (batch["x"][:, 0, 0, 0] > 0.35).sum() / 1.0
    found = {"largest": extra**2, "rows": extra}
    return state._replace(step=state.step + 1), parallel.total(found)

  state = jax.jit(example().task.init)(jax.random.key(0), example().batch)
  step = parallel.simulate_step(report, 4, loader.decode)
  rows = next(loader.indices(0))
  _, found = step(state, loader.device_data, rows, jax.random.key(0))
  assert (found["rows"], found["largest"]) == (4, 4 * 1)


def write(path, **changes):
  rows = np.arange(20, dtype=np.uint8)
  images = np.tile(rows[:, None, None, None], (1, 8, 8, 1))
  arrays = {"image": images, "label": rows % 10}
  np.savez(path, **(arrays | changes))
  return path


def test_a_config_mixes_in_a_file(tmp_path):
  """Trained with TRADES, which takes the smoothed labels as they are."""
  config = digits_pgd.get_config("smoke")
  attack = config.loss.attack.to_dict() | {"objective": "kl"}
  with config.unlocked():
    config.loss = {"name": "trades", "attack": attack}
    config.data.extra = {
      "file": str(write(tmp_path / "generated.npz")),
      "fraction": 0.5,
      "label_smoothing": 0.1,
    }
  experiment = build.experiment(config)
  dry_run(*experiment)
  batch = take(experiment.training, 0, 1)[0]
  assert batch["y"].shape == (16, 10)
  np.testing.assert_allclose(batch["x"][8:].max() * 255, 19, atol=1)
  with config.unlocked():
    config.data.extra = {"dataset": "digits", "train": "test", "fraction": 0.25}
  dry_run(*build.experiment(config))
  with config.unlocked():
    config.data.extra.file = "x.npz"
  with pytest.raises(ValueError, match="dataset = digits: expected one"):
    build.experiment(config)
  with config.unlocked():
    config.data.extra = {"dataset": "digits", "train": "test", "fractoin": 0.25}
  with pytest.raises(ValueError, match="no option 'fractoin'; did you mean"):
    build.experiment(config)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"image": np.zeros((20, 8, 8, 1))}, "images of .* are float64 of shape"),
    ({"label": np.zeros(19, int)}, r"expected int \[20\]"),
    ({"label": np.full(20, 10)}, "from 10 to 10: expected 0..9"),
  ],
)
def test_a_file_of_something_else_is_refused(changes, message, tmp_path):
  with pytest.raises(ValueError, match=message):
    npz_dataset(write(tmp_path / "x.npz", **changes), 10)
  np.savez(tmp_path / "y.npz", x=np.zeros(3))
  with pytest.raises(ValueError, match="expected 'images' or 'image' in it"):
    npz_dataset(tmp_path / "y.npz", 10)


def test_pseudo_labels_are_the_answers_that_are_sure_enough():
  images = np.arange(8, dtype=np.uint8).reshape(4, 2, 1, 1) * 30

  def model(x):
    return 100 * x.reshape(len(x), 2) * jnp.array([1.5, 1.0])

  found = pseudo_labels(model, images)
  np.testing.assert_array_equal(found["images"], images)
  assert found["labels"].tolist() == [1, 0, 0, 0]
  sure = pseudo_labels(model, images, min_confidence=0.9)
  np.testing.assert_array_equal(
    sure["labels"], found["labels"][found["confidence"] >= 0.9]
  )
  assert 0 < len(sure["labels"]) < 4


def test_cutmix_is_attacked_away_from_the_mixed_label():
  attack = attacks.compose(
    search.fgsm, sets.linf(0.1), losses.soft_cross_entropy
  )
  x = jnp.full((1, 3), 0.5)
  weights = jax.random.normal(jax.random.key(0), (3, 3))
  soft = jnp.array([[0.7, 0.3, 0.0]])
  x_adv = attack(jax.random.key(0), lambda x: x @ weights, x, soft)
  gradient = (jax.nn.softmax(x @ weights) - soft) @ weights.T
  np.testing.assert_allclose(x_adv, x + 0.1 * jnp.sign(gradient), rtol=1e-6)


def test_a_config_has_cutmix_under_the_attack():
  config = digits_pgd.get_config("smoke")
  with config.unlocked():
    config.mix = {"name": "cutmix"}
    config.loss.attack.objective = "soft_cross_entropy"
  dry_run(*build.experiment(config))
  with config.unlocked():
    config.loss.attack.objective = "cross_entropy"
  with pytest.raises(ValueError, match="labels of shape"):
    dry_run(*build.experiment(config))
