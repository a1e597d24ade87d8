"""Models, each by the property that sets it apart."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.models.classifiers.madry_cnn import MadryCNN
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.classifiers.preact_resnet import PreActResNet
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.classifiers.wide_resnet import WideResNet
from robust_jax.models.dann.dann_mnist import DannMnist
from robust_jax.models.dann.dann_svhn import DannSvhn
from robust_jax.models.dann.domain_classifier import DomainClassifier
from robust_jax.models.layers import batch_norm, he_conv, normalize
from robust_jax.parallel import AXIS
from tests.contract.samples import random_variables

TINY = {
  "preact": PreActResNet(num_classes=5, num_blocks=(1, 1), width=4),
  "wide": WideResNet(num_classes=5, depth=10, widen=1),
  "dann_mnist": DannMnist(num_classes=5),
  "dann_svhn": DannSvhn(num_classes=5),
}
DANN = ("dann_mnist", "dann_svhn")
RESIDUAL = ("preact", "wide")


def images(batch=4, size=8, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  return rng.random((batch, size, size, channels), np.float32)


class Trained:
  """A tiny model with variables, and its training pass, compiled once."""

  def __init__(self, model):
    self.model = model
    self.variables = random_variables(model, images())
    self.step = jax.jit(train_step(model))


def train_step(model):
  """(variables, x) -> logits, the new statistics."""

  def step(variables, x):
    logits, updated = model.apply(
      variables, x, train=True, mutable=["batch_stats"]
    )
    return logits, updated.get("batch_stats")

  return step


@pytest.fixture(params=RESIDUAL, scope="module")
def residual(request):
  return Trained(TINY[request.param])


def num_parameters(model, shape):
  variables = jax.eval_shape(
    model.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32)
  )
  return sum(p.size for p in jax.tree.leaves(variables["params"]))


def preact_block(inputs, outputs):
  """Two normalizations (scale, bias), two 3x3 kernels, one 1x1 if needed."""
  norms = 2 * inputs + 2 * outputs
  kernels = 9 * inputs * outputs + 9 * outputs**2
  return norms + kernels + (inputs * outputs if inputs != outputs else 0)


def test_small_cnn_has_as_many_parameters_as_derived():
  convolutions = (16 * 1 * 16 + 16) + (16 * 16 * 32 + 32)
  linear = (7 * 7 * 32 * 100 + 100) + (100 * 10 + 10)
  assert convolutions + linear == 166_406
  assert num_parameters(SmallCNN(), (1, 28, 28, 1)) == 166_406


def test_madry_cnn_has_as_many_parameters_as_derived():
  convolutions = (25 * 1 * 32 + 32) + (25 * 32 * 64 + 64)
  linear = (7 * 7 * 64 * 1024 + 1024) + (1024 * 10 + 10)
  assert convolutions + linear == 3_274_634
  assert num_parameters(MadryCNN(), (1, 28, 28, 1)) == 3_274_634


def test_preact_resnet_18_has_as_many_parameters_as_derived():
  widths = [64, 64, 64, 128, 128, 256, 256, 512, 512]
  blocks = sum(map(preact_block, widths[:-1], widths[1:]))
  without = 9 * 3 * 64 + blocks + (512 * 10 + 10)
  assert without == 11_171_146
  shape = (1, 32, 32, 3)
  assert num_parameters(PreActResNet(final_norm=False), shape) == without
  assert num_parameters(PreActResNet(), shape) == without + 2 * 512


def test_wide_resnet_28_10_has_as_many_parameters_as_derived():
  widths = [16] + [160] * 4 + [320] * 4 + [640] * 4
  blocks = sum(map(preact_block, widths[:-1], widths[1:]))
  total = 9 * 3 * 16 + blocks + 2 * 640 + (640 * 10 + 10)
  assert total == 36_479_194
  assert num_parameters(WideResNet(), (1, 32, 32, 3)) == total


def test_dann_mnist_has_as_many_parameters_as_derived():
  convolutions = (25 * 3 * 32 + 32) + (25 * 32 * 48 + 48)
  linear = (7 * 7 * 48 * 100 + 100) + (100 * 100 + 100) + (100 * 10 + 10)
  assert convolutions + linear == 287_290
  shape = (1, 28, 28, 3)
  assert num_parameters(DannMnist(), shape) == 287_290
  # Normalization adds a scale and a bias per channel.
  normed = DannMnist(batch_norm="per_device")
  assert num_parameters(normed, shape) == 287_290 + 2 * (32 + 48)


def test_dann_svhn_has_as_many_parameters_as_derived():
  convolutions = 25 * (3 * 64 + 64 * 64 + 64 * 128) + 64 + 64 + 128
  linear = 8 * 8 * 128 * 3072 + 3072 * 2048 + 2048 * 10 + 3072 + 2048 + 10
  assert convolutions + linear == 31_795_146
  shape = (1, 32, 32, 3)
  assert num_parameters(DannSvhn(), shape) == 31_795_146
  normed = DannSvhn(batch_norm="synchronized")
  assert num_parameters(normed, shape) == 31_795_146 + 2 * (64 + 64 + 128)


def test_normalize_is_its_formula():
  x, mean, std = images(), (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)
  expected = [(x[..., c] - np.float32(mean[c])) / std[c] for c in range(3)]
  np.testing.assert_array_equal(
    normalize(x, mean, std), np.stack(expected, axis=-1)
  )
  np.testing.assert_array_equal(normalize(x), x)
  np.testing.assert_array_equal(normalize(x, (0.5,), (2.0,)), (x - 0.5) / 2)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((images()[0],), "write x.None."),
    ((np.zeros((1, 8, 8, 3), np.uint8),), "255"),
    ((images(), (0.5, 0.5)), "mean = .* 3 channels"),
    ((images(), (0.5,), (1.0,) * 4), "std = .* 3 channels"),
    ((images(), (0.5,), (1.0, 0.0, 1.0)), "positive"),
    ((images(), (0.5,), (float("nan"),)), "positive"),
  ],
)
def test_normalize_refuses(arguments, message):
  with pytest.raises(ValueError, match=message):
    normalize(*arguments)


@pytest.mark.parametrize("depth", [4, 12, 27])
def test_wide_resnet_refuses_depths_of_no_whole_number_of_blocks(depth):
  with pytest.raises(ValueError, match="6 n"):
    num_parameters(WideResNet(depth=depth), (1, 8, 8, 3))


@pytest.mark.parametrize("name", RESIDUAL)
def test_batch_norm_refuses_other_statistics(name):
  model = TINY[name].copy(batch_norm="shared")
  with pytest.raises(ValueError, match="'shared': expected 'per_device'"):
    num_parameters(model, (1, 8, 8, 3))


def first_norm(statistics):
  """Of the first block, which reads the first convolution."""
  return statistics[min(set(statistics) - {"bn", "bn1"})]["bn1"]


def test_training_moves_the_statistics_a_tenth_towards_the_batchs(residual):
  x = images(batch=8)
  _, updated = residual.step(residual.variables, x)
  entered = jax.lax.conv_general_dilated(
    x,
    residual.variables["params"]["conv1"]["kernel"],
    (1, 1),
    "SAME",
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )
  before = first_norm(residual.variables["batch_stats"])
  after = first_norm(updated)
  batch = {"mean": entered.mean((0, 1, 2)), "var": entered.var((0, 1, 2))}
  for name, of_batch in batch.items():
    # Flax takes the variance as E x^2 - (E x)^2: a few float32 roundings more.
    np.testing.assert_allclose(
      after[name], 0.9 * before[name] + 0.1 * of_batch, rtol=1e-4, atol=1e-6
    )


def test_training_normalizes_with_the_batch_itself(residual):
  x = images(batch=8)
  logits, _ = residual.step(residual.variables, x)
  moved = jax.tree.map(lambda s: s + 3, residual.variables["batch_stats"])
  variables = residual.variables | {"batch_stats": moved}
  np.testing.assert_array_equal(logits, residual.step(variables, x)[0])


def test_only_synchronized_statistics_are_those_of_the_whole_batch(residual):
  x = images(batch=8)
  x[:4] *= 0.3  # the shards differ, and so do their statistics
  logits, statistics = residual.step(residual.variables, x)

  def sharded(choice):
    step = train_step(residual.model.copy(batch_norm=choice))
    mapped = jax.jit(jax.vmap(step, in_axes=(None, 0), axis_name=AXIS))
    found = mapped(residual.variables, x.reshape(2, 4, *x.shape[1:]))
    return found[0].reshape(logits.shape), found[1]

  # The same sums in another order, whose roundings each of up to six
  # normalizations enlarges by mean / deviation; seen: 1e-6.
  same = {"rtol": 1e-4, "atol": 1e-4}
  found_logits, found_statistics = sharded("synchronized")
  np.testing.assert_allclose(found_logits, logits, **same)
  for shard in range(2):
    for found, expected in zip(
      jax.tree.leaves(found_statistics),
      jax.tree.leaves(statistics),
      strict=True,
    ):
      np.testing.assert_allclose(found[shard], expected, **same)

  found_logits, found_statistics = sharded("per_device")
  assert np.abs(found_logits - logits).max() > 0.05
  means = first_norm(found_statistics)["mean"]
  assert not np.allclose(means[0], means[1], **same)


def test_per_device_needs_no_axis_and_synchronized_does():
  x = images()
  variables = {"batch_stats": {"mean": jnp.zeros(3), "var": jnp.ones(3)}}
  variables["params"] = {"scale": jnp.ones(3), "bias": jnp.zeros(3)}
  alone = batch_norm("per_device", train=True, name=None)
  alone.apply(variables, x, mutable=["batch_stats"])
  together = batch_norm("synchronized", train=True, name=None)
  with pytest.raises(NameError, match=AXIS):
    together.apply(variables, x, mutable=["batch_stats"])
  frozen = batch_norm("synchronized", train=False, name=None)
  np.testing.assert_allclose(frozen.apply(variables, x), x, rtol=1e-4)


def pooled(x, window):
  """Largest of window x window pixels, two apart, what is outside ignored."""
  size = x.shape[1]
  padded = np.pad(x, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=-np.inf)
  starts = itertools.product(range(window), repeat=2)
  return np.max(
    [padded[:, i : i + size : 2, j : j + size : 2] for i, j in starts], axis=0
  )


def dann_by_hand(name, variables, x, normed):
  """Logits from the figure, layer by layer."""
  windows = {"dann_mnist": (2, 2), "dann_svhn": (3, 3, None)}[name]
  params = variables["params"]
  for i, window in enumerate(windows, start=1):
    layer = params[f"conv{i}"]
    x = jax.lax.conv_general_dilated(
      x,
      layer["kernel"],
      (1, 1),
      ((2, 2), (2, 2)),
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    x = np.asarray(x + layer["bias"])
    if normed:
      norm = params[f"bn{i}"]
      x = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
      x = x * norm["scale"] + norm["bias"]
    x = np.maximum(x, 0)
    x = x if window is None else pooled(x, window)
  x = x.reshape(len(x), -1)
  dense = params["label_predictor"]
  for i in range(2):
    layer = dense[f"Dense_{i}"]
    x = np.maximum(x @ layer["kernel"] + layer["bias"], 0)
  return x @ dense["Dense_2"]["kernel"] + dense["Dense_2"]["bias"]


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("name", DANN)
def test_dann_networks_are_those_of_the_figure(name, normed):
  model = TINY[name].copy(batch_norm="per_device" if normed else "none")
  x = images()
  variables = random_variables(model, x)
  # In units of the logits; float32 sums of up to 3,072 terms, seen: 1e-6.
  scale = 1e-5
  logits, _ = jax.jit(train_step(model))(variables, x)
  expected = dann_by_hand(name, variables, x, normed)
  np.testing.assert_allclose(
    logits, expected, atol=scale * np.abs(expected).max()
  )


def test_dropout_acts_on_the_hidden_layers_of_the_head_in_training_only():
  model, x = TINY["dann_mnist"], images()
  variables = random_variables(model, x)
  h = images().reshape(4, -1)  # 192 numbers, as 2x2 pixels of 48 maps have
  rngs = {"dropout": jax.random.key(3)}

  def head(rate, **kwargs):
    dropping = model.copy(dropout=rate)
    return dropping.apply(variables, h, method="head", **kwargs)

  np.testing.assert_array_equal(head(0.5), head(0.0))
  dropped = head(0.5, train=True, rngs=rngs)
  assert np.abs(dropped - head(0.0)).max() > 0.05
  # Without its hidden units a head says the same of everything.
  bias = variables["params"]["label_predictor"]["Dense_2"]["bias"]
  np.testing.assert_array_equal(
    head(1.0, train=True, rngs=rngs), np.tile(bias, (4, 1))
  )
  # Convolutions ask for no key.
  apply = model.copy(dropout=0.5).apply
  jax.eval_shape(lambda: apply(variables, x, train=True, method="features"))


def test_two_domains_are_one_logistic_output():
  model, h = DomainClassifier(), images().reshape(4, -1)
  variables = random_variables(model, h)
  logits = model.apply(variables, h)
  dense = MLP((100,), 1)
  z = dense.apply({"params": variables["params"]["mlp"]}, h)[:, 0]
  np.testing.assert_array_equal(logits, np.stack([z, 0 * z], axis=1))
  for label, sign in ((0, 1), (1, -1)):
    np.testing.assert_allclose(
      -jax.nn.log_softmax(logits)[:, label],
      jax.nn.softplus(-sign * z),
      rtol=1e-5,
      atol=1e-6,
    )


def test_the_last_of_several_domains_has_logit_zero():
  model = DomainClassifier(num_domains=4, hidden=(7, 6))
  h = images().reshape(4, -1)
  logits = model.apply(random_variables(model, h), h)
  assert logits.shape == (4, 4)
  np.testing.assert_array_equal(logits[:, 3], 0)
  assert (np.abs(logits[:, :3]) > 0).all()
  derived = (192 * 7 + 7) + (7 * 6 + 6) + (6 * 3 + 3)
  assert num_parameters(model, h.shape) == derived
  with pytest.raises(ValueError, match="2 or more"):
    num_parameters(DomainClassifier(num_domains=1), h.shape)


def test_madry_cnn_starts_as_the_challenges_code_does():
  model, x = MadryCNN(), jnp.zeros((1, 8, 8, 1))
  params = jax.jit(model.init)(jax.random.key(0), x)["params"]
  for layer in params.values():
    np.testing.assert_array_equal(layer["bias"], np.float32(0.1))
    assert np.abs(layer["kernel"]).max() <= 0.2
  # A normal cut at 2 deviations keeps 0.8796 of its own; 1.5 % is 5 standard
  # errors of the deviation of these 51,200 draws.
  spread = np.std(params["conv2"]["kernel"])
  np.testing.assert_allclose(spread, 0.1 * 0.8796, rtol=0.015)


def test_residual_convolutions_start_in_he_initialization():
  x = jnp.zeros((1, 8, 8, 16))
  layer = he_conv(64, 3, 2, jnp.float32, name="conv")
  kernel = layer.init(jax.random.key(0), x)["params"]["kernel"]
  # 5 % is 5 standard errors and more of the deviation of 9,216 normal draws.
  np.testing.assert_allclose(np.std(kernel), (2 / (9 * 64)) ** 0.5, rtol=0.05)
