"""Laws of every defense: a model in, a model like any other out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import augmentation, lookup, losses, perturbations
from robust_jax.defenses.views import GridViews
from tests.contract.samples import called

PACKAGE = "defenses"
B, K = 6, 3
TRACES = []


def affine(weights, x):
  TRACES.append(1)
  return (x.reshape(len(x), -1) - 0.5) @ weights


def model(seed=0, scale=1.0):
  weights = jax.random.normal(jax.random.key(seed), (16, K))
  return jax.tree_util.Partial(affine, scale * weights)


SAMPLES = {
  "augmentation": augmentation.pad_crop(1),
  "views": GridViews(perturbations.shift(0, flip="horizontal"), 1),
}
X = jax.random.uniform(jax.random.key(1), (B, 4, 4, 1))

each_defense = pytest.mark.parametrize("name", lookup.members(PACKAGE))


def defended(name, logits_fn):
  factory = lookup.find(PACKAGE, name)
  models = {"logits_fn": logits_fn, "logits_fns": [logits_fn, logits_fn]}
  return called(factory, models | SAMPLES)


@jax.jit
def answer(logits_fn, x):
  return logits_fn(x)


@each_defense
def test_it_answers_logits_and_new_parameters_compile_nothing(name):
  logits = answer(defended(name, model()), X)
  assert (logits.shape, logits.dtype) == ((B, K), jnp.float32)
  traced = len(TRACES)
  other = answer(defended(name, model(seed=2)), X)
  assert len(TRACES) == traced
  assert not np.allclose(logits, other)


@each_defense
@pytest.mark.parametrize("other", [0.0, 1.0, np.nan])
def test_neighbors_change_nothing(name, other):
  protected, stay = defended(name, model()), np.array([0, 3])
  x = jnp.full_like(X, other).at[stay].set(X[stay])
  logits = answer(protected, X)
  np.testing.assert_array_equal(answer(protected, x)[stay], logits[stay])
  np.testing.assert_array_equal(answer(protected, X), logits)
  np.testing.assert_allclose(
    answer(protected, X[:1]), logits[:1], rtol=1e-5, atol=1e-6
  )


@each_defense
def test_a_model_that_answers_all_alike_is_answered_so(name):
  constant = jnp.array([0.5, -1.0, 3.0])
  same = jax.tree_util.Partial(lambda c, x: jnp.tile(c, (len(x), 1)), constant)
  found = jax.nn.softmax(answer(defended(name, same), X))
  np.testing.assert_allclose(
    found, np.tile(jax.nn.softmax(constant), (B, 1)), rtol=1e-6
  )


@each_defense
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_it_has_a_gradient_to_be_attacked_by(name, scale):
  """Finite always, and not 0 where the answers are not certain."""
  protected = defended(name, model(scale=scale))
  labels = answer(protected, X).argmax(axis=1)
  grad = gradient(protected, X, labels)
  assert np.isfinite(grad).all()
  if scale == 1:
    assert (np.abs(grad).max(axis=(1, 2, 3)) > 0).all()


@jax.jit
def gradient(logits_fn, x, labels):
  return jax.grad(lambda x: losses.margin(logits_fn(x), labels).sum())(x)
