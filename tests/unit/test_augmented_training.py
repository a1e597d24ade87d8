"""Augmentation in a training step, and in a config."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.spatial.distance
import scipy.special
from flax import linen as nn
from ml_collections import ConfigDict

from experiments import build
from experiments.build import sections
from experiments.configs.standard import cifar10_15k
from robust_jax import losses, metrics, parallel
from robust_jax.evaluators.robustness import robustness
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses.augmix import augmix
from robust_jax.training_losses.erm import erm
from robust_jax.training_losses.pgd_at import pgd_at

KEY = jax.random.key(0)


class Linear(nn.Module):
  num_classes: int = 3

  @nn.compact
  def __call__(self, x, *, train=False):
    del train
    return nn.Dense(3)(x.reshape(len(x), -1))


def batch():
  keys = jax.random.split(KEY)
  return {
    "x": jax.random.uniform(keys[0], (8, 4, 4, 1)),
    "y": jax.random.randint(keys[1], (8,), 0, 3),
    "mask": jnp.ones(8),
  }


def stepped(task, rows=None, num_steps=1, num_devices=1):
  rows = rows or batch()
  state = jax.jit(task.init)(KEY, rows)
  step = parallel.simulate_step(task.step, num_devices)
  for _ in range(num_steps):
    state, report = step(state, (), rows, KEY)
  return state, metrics.result(report)


ERM = erm()


def make(loss=ERM, **options):
  return supervised(
    Linear(), optax.sgd(0.5), loss=loss, evaluator=robustness(), **options
  )


def invert(key, x):
  del key
  return 1 - x


def close(a, b):
  chex.assert_trees_all_close(a, b, rtol=1e-5, atol=1e-6)


INVERTED = batch() | {"x": 1 - batch()["x"]}


def test_a_step_sees_the_augmented_batch_and_evaluation_does_not():
  task = make(augment=invert)
  state, report = stepped(task)
  plain, expected = stepped(make(), INVERTED)
  close((state, report), (plain, expected))
  evaluate = parallel.pmap_evaluate(task.evaluate)
  close(
    evaluate(state, (), batch(), KEY, 0),
    parallel.pmap_evaluate(make().evaluate)(state, (), batch(), KEY, 0),
  )


def test_an_attack_sees_the_augmented_batch():
  seen = lambda key, logits_fn, x, labels: x + 0 * logits_fn(x)[0, 0]
  task = make(pgd_at(seen), augment=invert)
  close(stepped(task)[0], stepped(make(), INVERTED)[0])


def test_each_step_and_each_device_draws_anew():
  seen = []

  def record(key, x):
    number = jax.random.bits(key)
    jax.debug.callback(lambda bits: seen.append(bits.tolist()), number)
    return x

  stepped(make(augment=record), num_steps=3, num_devices=2)
  jax.effects_barrier()
  assert len(seen) == len(set(seen)) == 6


def test_the_loss_of_mixed_labels_is_the_mixture_of_losses():
  swap = lambda key, x, y: (x, 0.25 * y + 0.75 * jnp.roll(y, 1, axis=0))
  rows = batch()
  _, report = stepped(make(mix=swap))
  logits = Linear().apply({"params": make().init(KEY, rows).params}, rows["x"])
  other = jnp.roll(rows["y"], 1)
  loss = 0.25 * losses.cross_entropy(logits, rows["y"])
  loss += 0.75 * losses.cross_entropy(logits, other)
  np.testing.assert_allclose(report["loss"], loss.mean(), rtol=1e-5)
  right = jnp.mean(logits.argmax(-1) == other)  # it has the larger fraction
  assert report["accuracy"] == right


def test_smoothed_labels_are_the_mixture_with_the_uniform_one():
  """After mixing, and for the attack as for the loss."""

  def attack(key, model, x, targets):
    del key, model
    return x + 0.5 - targets.sum(axis=-1)[:, None, None, None] / 2

  swap = lambda key, x, y: (x, 0.25 * y + 0.75 * jnp.roll(y, 1, axis=0))
  mixed, both = (
    stepped(make(pgd_at(attack), mix=swap, label_smoothing=s))[1]["loss"]
    for s in (0.0, 0.3)
  )
  uniform = lambda key, x, y: (x, jnp.full_like(y, 1 / 3))
  alike = stepped(make(mix=uniform))[1]["loss"]
  np.testing.assert_allclose(both, 0.7 * mixed + 0.3 * alike, rtol=1e-5)


@pytest.mark.parametrize("amount", [-0.1, 1.5])
def test_labels_are_not_smoothed_beyond_the_uniform_one(amount):
  with pytest.raises(ValueError, match=f"label_smoothing = {amount}"):
    make(label_smoothing=amount)


def test_augmix_adds_the_divergence_of_three_views():
  rows = batch()
  _, report = stepped(make(augmix(invert, weight=3.0)))
  params = make().init(KEY, rows).params
  views = jnp.stack(
    [
      Linear().apply({"params": params}, x)
      for x in (rows["x"], *[1 - rows["x"]] * 2)
    ]
  )
  loss = losses.cross_entropy(views[0], rows["y"])
  loss += 3 * losses.jensen_shannon(views)
  np.testing.assert_allclose(report["loss"], loss.mean(), rtol=1e-5)
  # Of equal views nothing is left but the plain step.
  close(stepped(make(augmix(lambda key, x: x)))[0], stepped(make())[0])


def test_the_divergence_is_scipys():
  logits = jax.random.normal(KEY, (2, 5, 4))
  p, q = scipy.special.softmax(np.asarray(logits, float), axis=-1)
  expected = scipy.spatial.distance.jensenshannon(p, q, axis=1) ** 2
  np.testing.assert_allclose(losses.jensen_shannon(logits), expected, rtol=1e-4)
  apart = 50 * jnp.eye(4)[:, None]  # four views, each sure of another class
  np.testing.assert_allclose(losses.jensen_shannon(apart), np.log(4), rtol=1e-5)


def test_sections_mean_augmentations():
  section = (
    {"name": "perturb", "set": {"name": "shift", "eps": 0, "flip": "vertical"}},
    {
      "name": "one_of",
      "augmentations": ({"name": "cutout", "size": 2},),
    },
    {
      "name": "sometimes",
      "probability": 0.0,
      "augmentation": {"name": "corrupt", "corruption": "fog"},
    },
  )
  x = jnp.broadcast_to(jnp.linspace(0, 1, 4)[:, None, None], (16, 4, 4, 1))
  y = jax.jit(sections.build("augment", ConfigDict({"a": section}).a))(KEY, x)
  y = np.asarray(y)
  hidden = y == 0.5
  assert hidden.any(axis=(1, 2, 3)).all()
  mirrored = np.asarray(x[:, ::-1])
  assert np.all(hidden | (y == x) | (y == mirrored))
  # Read back from a run's config.json, tuples are lists.
  again = jax.eval_shape(sections.build("augment", list(section)), KEY, x)
  assert again.shape == x.shape


@pytest.mark.parametrize(
  ("section", "value", "message"),
  [
    ("augment", ({"name": "flop"},), "no 'flop'.*did you mean 'flip'"),
    ("augment", ({"name": "flip", "both": True},), "flip has no option 'both'"),
    ("mix", {"name": "mixdown"}, "no 'mixdown'.*did you mean 'mixup'"),
  ],
)
def test_an_unknown_name_or_option_is_refused(section, value, message):
  config = cifar10_15k.get_config()
  with config.unlocked():
    config[section] = value
  with pytest.raises(ValueError, match=message):
    build.task(config, {"num_classes": 10}, num_steps=1)


def test_a_section_that_the_task_does_not_take_is_refused():
  config = cifar10_15k.get_config("augmented")
  config.task.name = "mcd"
  with pytest.raises(ValueError, match=r"'mcd' has no use for.*`augment`"):
    build.task(config, {"num_classes": 10}, num_steps=1)


def test_the_variants_differ_in_what_they_name():
  plain = cifar10_15k.get_config()
  augmented = cifar10_15k.get_config("augmented")
  flips = cifar10_15k.get_config("flips")
  assert "augment" not in plain
  assert {a["name"] for a in augmented.augment} > {"pad_crop", "flip", "cutout"}
  assert augmented.model == plain.model == flips.model
  assert flips.augment[0]["vertical"]
  assert flips.warm_start.run == "runs/cifar10_15k"
