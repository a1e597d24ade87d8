"""CROWN-IBP: its bounds hold, and are exact where the network is linear."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.certificates.crown_ibp import better_margins, both_margins
from robust_jax.models.classifiers.madry_cnn import MadryCNN
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.classifiers.preact_resnet import PreActResNet
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.inference import inference_fn
from robust_jax.training_losses.ibp import ibp
from robust_jax.types import Forward
from tests.contract.samples import random_variables

KEY = jax.random.key(0)
X = jax.random.uniform(KEY, (3, 8, 8, 1), minval=0.2, maxval=0.8)
LABELS = jnp.array([0, 1, 3])
MODELS = {
  "small_cnn": SmallCNN(4, mean=(0.1,), std=(0.3,)),
  "madry_cnn": MadryCNN(4),  # max pooling, which has no rule
  "mlp": MLP((20, 20), 4),
  "preact_resnet": PreActResNet(4, num_blocks=(1, 1), width=4),
}
each_model = pytest.mark.parametrize("name", MODELS)
bounds = jax.jit(both_margins)


@functools.cache
def frozen(name):
  return inference_fn(MODELS[name], random_variables(MODELS[name], X))


def margins(model, x, labels):
  z = model(x)
  return z - jnp.take_along_axis(z, labels[:, None], axis=1)


@each_model
@pytest.mark.parametrize("eps", [0.0, 1e-3, 0.05])
def test_no_image_of_the_ball_leaves_the_bounds(name, eps):
  model = frozen(name)
  _, by_lines = bounds(model, X, LABELS, eps)
  keys = jax.random.split(KEY, 40)
  signs = jax.vmap(lambda key: jax.random.rademacher(key, X.shape))(keys)
  at = jax.jit(jax.vmap(lambda x: margins(model, x, LABELS)))
  assert (at(jnp.clip(X + eps * signs, 0, 1)) <= by_lines).all()


@pytest.mark.parametrize(
  ("name", "eps"), [("small_cnn", 1e-5), ("mlp", 1e-4), ("preact_resnet", 1e-3)]
)
def test_they_are_exact_where_no_relu_changes_sign(name, eps):
  """There a margin grows by eps times the sum of its |gradient|."""
  model = frozen(name)
  of = lambda x: margins(model, x, LABELS)
  np.testing.assert_allclose(bounds(model, X, LABELS, 0.0)[1], of(X), atol=1e-3)
  gradients = jax.jit(jax.jacrev(lambda x: of(x).sum(axis=0)))(X)
  ascent = jnp.abs(gradients).sum(axis=(2, 3, 4)).T
  # Their differences, as the slack for rounding is larger than these.
  (by_interval, by_lines), smaller = (
    np.array(bounds(model, X, LABELS, radius)) for radius in (eps, 0.0)
  )
  np.testing.assert_allclose(by_lines - smaller[1], eps * ascent, rtol=0.03)
  others = ~jax.nn.one_hot(LABELS, 4, dtype=bool)
  assert ((by_interval - smaller[0]) > 5 * eps * ascent)[others].all()


def tiny(weights, x):
  first, second = weights
  return jax.nn.relu((x - 0.5) @ first) @ second


def test_between_the_exact_maximum_and_interval_bounds():
  """Two pixels, whose square is looked at point by point."""
  keys = jax.random.split(KEY, 3)
  first = jax.random.normal(keys[0], (2, 8))
  weights = (first, jax.random.normal(keys[1], (8, 3)))
  model = jax.tree_util.Partial(tiny, weights)
  x, eps = jax.random.uniform(keys[2], (30, 2), minval=0.2, maxval=0.8), 0.1
  labels = model(x).argmax(axis=1)
  side = jnp.linspace(-eps, eps, 41)
  grid = jnp.stack(jnp.meshgrid(side, side), axis=-1).reshape(-1, 1, 2)
  at = jax.jit(jax.vmap(lambda d: margins(model, x + d, labels)))
  exact = at(grid).max(axis=0)
  by_interval, by_lines = bounds(model, x, labels, eps)
  better = jax.jit(better_margins)(model, x, labels, eps)
  assert (exact <= by_lines).all()
  assert (better <= by_interval).all()
  np.testing.assert_array_equal(better, jnp.minimum(by_interval, by_lines))
  others = ~jax.nn.one_hot(labels, 3, dtype=bool)
  gap = lambda bound: (bound - exact)[others].mean()
  assert gap(by_lines) < 0.5 * gap(by_interval)


def affine(weights, x):
  return x.reshape(len(x), -1) @ weights


def test_without_a_relu_interval_bounds_are_exact_as_well():
  model = jax.tree_util.Partial(affine, jax.random.normal(KEY, (64, 4)))
  by_interval, by_lines = bounds(model, X, LABELS, 0.1)
  np.testing.assert_allclose(by_lines, by_interval, rtol=1e-3)


def test_rounding_is_enclosed():
  """2^24 + 1 is no float32: a sum that cancels is off by 1, not by 0."""
  weights = jnp.float32([[1e8, 0], [-1e8, 0], [1, 0]])
  model = jax.tree_util.Partial(affine, weights)
  x = jnp.float32([[0.1, 0.1, 0.3], [0.7, 0.7, 0.9]])
  labels = jnp.array([1, 0])
  _, by_lines = bounds(model, x, labels, 0.0)
  exact = np.float64(x) @ np.float64(weights)
  exact -= np.take_along_axis(exact, np.asarray(labels)[:, None], 1)
  assert (exact <= by_lines).all()


@pytest.mark.parametrize("t", [0.0, 0.25, 1.0])
def test_training_moves_from_lines_to_intervals(t):
  """A convex combination of two bounds is one."""
  model, eps = frozen("mlp"), 0.02
  loss = ibp(eps, kappa=0.0, ramp_steps=100, bound="crown_ibp")
  forward = Forward(
    lambda key, x: (model(x), {}), model, jnp.int32(100 * t - 1)
  )
  batch = {"x": X, "y": LABELS, "mask": jnp.ones(3)}
  out = jax.jit(lambda step: loss(forward._replace(step=step), batch, KEY))(
    forward.step
  )
  reached = out.metrics["eps"][0] / 3
  by_interval, by_lines = bounds(model, X, LABELS, reached)
  worst = t * by_interval + (1 - t) * by_lines
  robust, clean = (
    -jax.nn.log_softmax(z)[jnp.arange(3), LABELS] for z in (worst, model(X))
  )
  np.testing.assert_allclose(
    out.per_example, t * robust + (1 - t) * clean, rtol=1e-4
  )


def test_an_unknown_bound_is_refused():
  with pytest.raises(ValueError, match="bound = 'crown': expected"):
    ibp(0.1, bound="crown")


@pytest.mark.parametrize("bound", ["interval_bounds", "crown_ibp"])
def test_its_gradient_is_finite_on_black_pixels_without_biases(bound):
  """There the inputs of a relu are 0, and their intervals as good as points."""
  net, black = MLP((5,), 4), jnp.zeros((1, 2, 2, 1))
  variables = net.init(KEY, black)
  loss = ibp(0.1, ramp_steps=10**6, bound=bound)

  def at(variables):
    model = inference_fn(net, variables)
    forward = Forward(lambda key, x: (model(x), {}), model, jnp.int32(0))
    batch = {"x": black, "y": jnp.array([0]), "mask": jnp.ones(1)}
    return loss(forward, batch, KEY).per_example.sum()

  gradients = jax.jit(jax.grad(at))(variables)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
