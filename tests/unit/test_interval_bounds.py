"""Interval bounds: they hold, and are exact where they can be."""

import functools
import os
import pathlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, certificates, losses, perturbations, search
from robust_jax.certificates import interval_bounds as certificate
from robust_jax.certificates.interval_bounds import (
  certified,
  logit_bounds,
  margin_bounds,
)
from robust_jax.data.load import load
from robust_jax.models.classifiers.madry_cnn import MadryCNN
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.classifiers.preact_resnet import PreActResNet
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.from_torch import from_torch
from robust_jax.models.inference import inference_fn
from robust_jax.models.load_tensors import load_tensors
from robust_jax.training_losses.ibp import ibp
from robust_jax.types import Forward
from robust_jax.xla_cpu.canonicalize import canonicalize
from tests.contract.samples import random_variables

DATA = pathlib.Path(os.environ.get("ROBUST_JAX_DATA") or "-")
KEY = jax.random.key(0)
X = jax.random.uniform(KEY, (3, 8, 8, 1))
MODELS = {
  "small_cnn": SmallCNN(4, mean=(0.1,), std=(0.3,)),
  "madry_cnn": MadryCNN(4),  # max pooling
  "mlp": MLP((20, 20), 4, dropout=0.5),
  "preact_resnet": PreActResNet(4, num_blocks=(1, 1), width=4),
  "blur_pool": PreActResNet(
    4, num_blocks=(1, 1), width=4, blur_pool=True, batch_norm="none"
  ),
}
each_model = pytest.mark.parametrize("name", MODELS)


@functools.cache
def frozen(name):
  return inference_fn(MODELS[name], random_variables(MODELS[name], X))


bounds = jax.jit(logit_bounds)
margins = jax.jit(margin_bounds)
is_certified = jax.jit(certified)


@each_model
@pytest.mark.parametrize("eps", [0.0, 1e-3, 0.1])
def test_no_image_of_the_ball_leaves_the_bounds(name, eps):
  model = frozen(name)
  lower, upper = bounds(model, X, eps)
  keys = jax.random.split(KEY, 30)
  signs = jax.vmap(lambda key: jax.random.rademacher(key, X.shape))(keys)
  inside = jnp.clip(X + eps * signs, 0, 1).reshape(-1, *X.shape[1:])
  logits = jax.jit(model)(inside).reshape(30, 3, -1)
  assert (lower <= logits).all()
  assert (logits <= upper).all()


@each_model
def test_they_are_the_same_of_the_forms_that_are_fast_on_a_cpu(name):
  of = lambda model: logit_bounds(model, X, 0.05)
  plain, canonical = jax.jit(
    lambda model: (of(model), of(canonicalize(model)))
  )(frozen(name))
  for a, b in zip(plain, canonical, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_they_are_exact_where_every_weight_is_positive():
  """Then every logit grows with every pixel."""
  variables = jax.tree.map(jnp.abs, random_variables(MODELS["madry_cnn"], X))
  model = inference_fn(MODELS["madry_cnn"], variables)
  lower, upper = bounds(model, X, 0.1)
  np.testing.assert_allclose(lower, model(jnp.clip(X - 0.1, 0, 1)), rtol=1e-2)
  np.testing.assert_allclose(upper, model(jnp.clip(X + 0.1, 0, 1)), rtol=1e-2)


def linear(weights, x):
  return (x.reshape(len(x), -1) - 0.5) @ weights


def test_a_linear_model_is_certified_up_to_its_distance():
  """The last layer is elided: two classes are told apart by one weight."""
  weights = jax.random.normal(KEY, (16, 2))
  model = jax.tree_util.Partial(linear, weights)
  x = 0.5 + 0.1 * jax.random.normal(KEY, (20, 4, 4, 1)).clip(-1, 1)
  z = model(x)
  labels = z.argmax(axis=1)
  step = jnp.abs(weights[:, 0] - weights[:, 1]).sum()
  distance = jnp.abs(z[:, 0] - z[:, 1]) / step
  assert is_certified(model, x, labels, 0.999 * distance - 1e-5).all()
  assert not is_certified(model, x, labels, 1.001 * distance).any()
  found = certificate().radii(KEY, model, x, labels)
  np.testing.assert_array_less(found, distance)
  np.testing.assert_array_less(distance - 0.00102, found)


def test_elision_tightens():
  model = frozen("small_cnn")
  labels = model(X).argmax(axis=1)
  lower, upper = bounds(model, X, 0.01)
  plain = upper - jnp.take_along_axis(lower, labels[:, None], axis=1)
  is_label = jax.nn.one_hot(labels, 4, dtype=bool)
  elided = margins(model, X, labels, 0.01)
  assert (elided[is_label] == 0).all()
  assert (elided < plain)[~is_label].all()


@each_model
def test_a_larger_ball_has_wider_bounds(name):
  radii = (0.0, 0.01, 0.1)
  found = [bounds(frozen(name), X, eps) for eps in radii]
  bottom, top = zip(*found, strict=True)
  assert (np.diff(np.stack(bottom), axis=0) <= 0).all()
  assert (np.diff(np.stack(top), axis=0) >= 0).all()


def test_a_wrong_answer_is_not_certified_at_any_radius():
  model = frozen("preact_resnet")
  right = model(X).argmax(axis=1)
  ask = lambda labels: certificate().radii(KEY, model, X, labels)
  assert (ask(right) > 0).all()
  assert (ask((right + 1) % 4) == -1).all()


def test_rounding_is_enclosed():
  """2^24 + 1 is no float32: a sum that cancels is off by 1, not by 0."""
  weights = jnp.float32([[1e8, 0], [-1e8, 0], [1, 0]])
  model = jax.tree_util.Partial(lambda w, x: x @ w, weights)
  x = jnp.float32([[0.1, 0.1, 0.3], [0.7, 0.7, 0.9]])
  lower, upper = bounds(model, x, 0.0)
  exact = np.float64(x) @ np.float64(weights)
  assert (lower <= exact).all()
  assert (exact <= upper).all()
  assert not is_certified(model, x, jnp.zeros(2, int), 0.0).any()


class Batchwise(nn.Module):
  @nn.compact
  def __call__(self, x, *, train=True):
    x = nn.BatchNorm(use_running_average=not train)(x)
    return nn.Dense(2)(x.reshape(len(x), -1))


@pytest.mark.parametrize(
  ("model", "message"),
  [
    (lambda x: jnp.tanh(x[:, 0, :2, 0]), "no rule for 'tanh'"),
    (lambda x: x[:, 0, :2, 0] * x[:, 1, :2, 0], "'mul' of two values"),
    (lambda x: 1 / x[:, 0, :2, 0], "'div' by what varies"),
    (lambda x: jnp.zeros((len(x), 2)), "does not depend on x"),
    (
      lambda x: x[:, 0, :2, 0].astype(jnp.bfloat16),
      "computes in bfloat16; expected float32",
    ),
    (
      lambda x: Batchwise().init_with_output(KEY, x, train=True)[0],
      "batch normalization by the batch's own statistics",
    ),
  ],
)
def test_what_has_no_bounds_is_refused_by_name(model, message):
  with pytest.raises(ValueError, match=message):
    logit_bounds(model, X, 0.1)


@pytest.mark.skipif(
  not (DATA / "checkpoints").is_dir(),
  reason="ROBUST_JAX_DATA names no folder with checkpoints",
)
@pytest.mark.parametrize(
  ("name", "largest"), [("interval_bounds", 0.02), ("crown_ibp", 0.1)]
)
def test_no_attack_breaks_what_is_certified(name, largest):
  """Of a network trained to be certified, by a tighter method than these."""
  tensors = load_tensors(DATA / "checkpoints" / "mnist_convex_eps0.1.npz")
  rows = load("mnist", "test[:20]").read(np.arange(20))
  x = jnp.float32(rows["x"]) / 255
  labels = jnp.int32(rows["y"])
  net = SmallCNN()
  model = inference_fn(
    net, from_torch(tensors, jax.eval_shape(net.init, KEY, x))
  )
  radii = getattr(certificates, name)().radii(KEY, model, x, labels)
  assert np.mean(radii > 0) > 0.9
  assert radii.max() < largest  # where the tighter method certifies 94.2 %
  inside = perturbations.linf(jnp.float32(np.maximum(radii, 0)))
  attack = attacks.compose(
    search.pgd, inside, losses.margin, num_steps=20, restarts=2
  )
  broken = model(attack(KEY, model, x, labels)).argmax(axis=1) != labels
  assert not (broken & (radii > 0)).any()


def trained(loss, step):
  """The loss's output for a frozen model after so many steps."""
  model = frozen("small_cnn")
  forward = Forward(lambda key, x: (model(x), {}), model, step)
  labels = model(X).argmax(axis=1)
  return loss(forward, {"x": X, "y": labels, "mask": jnp.ones(3)}, KEY)


SCHEDULED = jax.jit(
  functools.partial(
    trained, ibp(0.02, kappa=0.25, warmup_steps=10, ramp_steps=100)
  )
)


@pytest.mark.parametrize(
  ("step", "t", "fraction"),
  [
    (9, 0, 0.0),
    (34, 0.25, 0.25**4 / (0.25**4 + 4 * 0.25**3 * 0.75)),
    (109, 1, 1.0),
    (500, 1, 1.0),
  ],
)
def test_the_radius_grows_and_the_clean_loss_fades(step, t, fraction):
  out = SCHEDULED(step)
  model, weight = frozen("small_cnn"), 1 - 0.75 * t
  labels = model(X).argmax(axis=1)
  worst = margins(model, X, labels, 0.02 * fraction)
  robust, clean = (losses.cross_entropy(z, labels) for z in (worst, model(X)))
  expected = weight * clean + (1 - weight) * robust
  np.testing.assert_allclose(out.per_example, expected, rtol=1e-4)
  total, count = out.metrics["eps"]
  np.testing.assert_allclose(total / count, 0.02 * fraction, rtol=1e-5)


def test_the_ramp_never_falls_and_has_no_corner():
  loss = ibp(1.0, ramp_steps=400)
  at = jax.vmap(lambda step: trained(loss, step).metrics["eps"][0] / 3)
  eps = jax.jit(at)(jnp.arange(-1, 400))
  slope = np.diff(eps)
  assert eps[0] == 0
  np.testing.assert_allclose(eps[-1], 1, rtol=1e-6)
  assert (slope[:-1] > 0).all()
  assert np.diff(slope[:-1]).max() < 0.05 * slope.max()
