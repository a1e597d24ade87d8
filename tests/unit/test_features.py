"""Attacks on activations, and two sets at once."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, perturbations, search, tree
from robust_jax.models.classifiers.madry_cnn import MadryCNN
from robust_jax.models.classifiers.preact_resnet import PreActResNet
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.classifiers.wide_resnet import WideResNet
from robust_jax.models.dann.dann_mnist import DannMnist
from robust_jax.models.inference import (
  SplitModel,
  features_and_head,
  inference_fn,
)

# Compiles in a third of the time; nothing here runs for long.
KEY = jax.random.key(0)
X = jax.random.uniform(jax.random.key(1), (4, 8, 8, 3))
Y = jnp.array([0, 1, 2, 0])
MODELS = [
  SmallCNN(num_classes=3),
  MadryCNN(num_classes=3),
  PreActResNet(num_classes=3, num_blocks=(1, 1), width=4),
  WideResNet(num_classes=3, depth=10, widen=1),
  DannMnist(num_classes=3),
]


def two_layers(seed=0):
  keys = jax.random.split(jax.random.key(seed))
  inner = jax.random.normal(keys[0], (192, 20)) / 8
  outer = jax.random.normal(keys[1], (20, 3))
  return SplitModel(
    jax.tree_util.Partial(
      lambda w, x: nn.relu(x.reshape(len(x), -1) @ w), inner
    ),
    jax.tree_util.Partial(lambda w, h: h @ w, outer),
  ), outer


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_a_model_is_its_head_of_its_features(model):
  variables = jax.jit(model.init)(KEY, X)

  @jax.jit
  def answers(whole, halves, x):
    features = halves.features(x)
    return whole(x), halves(x), halves.head(features), features

  whole, halves, head, features = answers(
    inference_fn(model, variables), features_and_head(model, variables), X
  )
  np.testing.assert_array_equal(halves, whole)
  np.testing.assert_array_equal(head, whole)
  assert features.shape[:-1] == (4,)


@pytest.mark.parametrize(
  ("norm", "dual"), [("l1", "linf"), ("l2", "l2"), ("linf", "l1")]
)
def test_noise_before_a_linear_head_gains_eps_times_the_dual_norm(norm, dual):
  model, outer = two_layers()
  eps = jnp.array([0.0, 0.1, 0.5, 2.0])
  attack = attacks.compose(
    search.pgd, perturbations.feature(eps, norm), losses.margin, step_size=0.1
  )
  features = model.features(X)
  h_adv = jax.jit(attack)(KEY, model.head, features, Y)
  noise = h_adv - features
  # Against each rival class the best gain is known; the worst rival counts.
  gaps = outer.T[None] - outer.T[Y][:, None]
  margins = model(X) - model(X)[jnp.arange(4), Y][:, None]
  lengths = jax.vmap(lambda g: tree.norm(g, dual))(gaps)
  reachable = jnp.where(
    jax.nn.one_hot(Y, 3) > 0, -jnp.inf, margins + eps[:, None] * lengths
  )
  found = losses.margin(model.head(h_adv), Y)
  assert jnp.all(found <= reachable.max(1) + 1e-4)
  # PGD follows one rival, whichever leads; 2 % for its step size.
  clean = losses.margin(model(X), Y)
  least = jnp.where(jax.nn.one_hot(Y, 3) > 0, jnp.inf, lengths).min(1)
  assert jnp.all(found - clean >= 0.98 * eps * least - 1e-4)
  # Activations are near 1, and their differences round there.
  assert jnp.all(tree.norm(noise, norm) <= eps + 1e-5)


def test_new_parameters_do_not_recompile():
  traces = []

  def objective(logits, labels):
    traces.append(1)
    return losses.margin(logits, labels)

  attack = jax.jit(
    attacks.compose(search.fgsm, perturbations.feature(0.1), objective)
  )
  counts = []
  for seed in range(2):
    variables = jax.jit(MODELS[0].init)(jax.random.key(seed), X)
    model = features_and_head(MODELS[0], variables)
    attack(KEY, model.head, model.features(X), Y)
    counts.append(len(traces))
  assert counts[0] == counts[1]


def test_what_cannot_be_meant_is_refused():
  model, _ = two_layers()
  attack = attacks.compose(
    search.pgd, perturbations.feature(0.1), losses.margin
  )
  features = model.features(X).at[0, 0].set(jnp.nan)
  with pytest.raises(ValueError, match="activations with values from nan"):
    attack(KEY, model.head, features, Y)
  with pytest.raises(ValueError, match="Dense has no method 'features'"):
    features_and_head(nn.Dense(3), {})
  with pytest.raises(ValueError, match="norm = 'l3': expected 'linf', 'l2'"):
    perturbations.feature(0.1, "l3")


def test_product_applies_the_second_to_what_the_first_has_made():
  # Noise is cut to the box around the brighter image.
  bright = perturbations.photometric(0.5, 0.0, 0.0, 0.0)
  pset = perturbations.product(bright, perturbations.linf(0.4))
  x = jnp.full((1, 2, 2, 1), 0.3)
  delta = (jnp.array([[9.0, 0, 0, 0]]), jnp.full(x.shape, 9.0))
  amount, noise = pset.project(x, delta)
  np.testing.assert_allclose(amount[0, 0], 0.5)
  np.testing.assert_allclose(noise, 0.2, atol=1e-6)
  np.testing.assert_allclose(
    pset.apply(x, (amount, -2 * noise)), 0.4, atol=1e-6
  )


def test_grid_of_a_product_is_the_product_of_grids():
  one = perturbations.photometric(0.1, 0.2, 0.0, 0.0)
  x = jnp.full((2, 2, 2, 1), 0.5)
  size, at = perturbations.product(one, one).grid(x, 2)
  assert size == 16
  points = [at(i) for i in range(size)]
  assert points[0][0].shape == points[0][1].shape == (2, 4)
  assert len({tuple(np.r_[a[0], b[0]].tolist()) for a, b in points}) == 16
  with_ball = perturbations.product(one, perturbations.linf(0.1))
  assert with_ball.grid is None


def test_a_product_beats_each_of_its_parts():
  # <w, x'>: brightness and noise each add their own optimum.
  w = jax.random.normal(jax.random.key(3), (75,))
  x = jnp.full((2, 5, 5, 3), 0.5)

  light = perturbations.photometric(0.2, 0.0, 0.0, 0.0)
  noise = perturbations.linf(0.1)

  @jax.jit
  def gains(x):
    value = lambda x: x.reshape(len(x), -1) @ w
    both = perturbations.product(light, noise)
    return [
      search.fgsm(KEY, value, pset, x).value - value(x)
      for pset in (light, noise, both)
    ]

  of_light, of_noise, of_both = gains(x)
  np.testing.assert_allclose(of_both, of_light + of_noise, rtol=1e-4)
