"""Several models as one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, search
from robust_jax import perturbations as sets
from robust_jax.models.ensemble import concatenate_logits, ensemble, mean_loss

X, Y = jax.random.uniform(jax.random.key(0), (5, 4)), jnp.array([0, 1, 2, 0, 1])


def linear(weights, x):
  return x @ weights


def model(seed):
  weights = 3 * jax.random.normal(jax.random.key(seed), (4, 3))
  return jax.tree_util.Partial(linear, weights)


MODELS = [model(seed) for seed in (1, 2, 3)]


def test_means_are_what_they_are_called():
  logits = jnp.stack([f(X) for f in MODELS])
  np.testing.assert_allclose(ensemble(MODELS)(X), logits.mean(0), rtol=1e-6)
  np.testing.assert_allclose(
    jax.nn.softmax(ensemble(MODELS, "probabilities")(X)),
    jax.nn.softmax(logits).mean(0),
    rtol=1e-5,
  )
  each = jnp.stack([losses.dlr(f(X), Y) for f in MODELS])
  np.testing.assert_allclose(
    mean_loss(losses.dlr, 3)(concatenate_logits(MODELS)(X), Y),
    each.mean(0),
    rtol=1e-6,
  )


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_equal_models_are_that_model(average):
  answer = ensemble(MODELS[:1] * 4, average)(X)
  np.testing.assert_allclose(
    jax.nn.softmax(answer), jax.nn.softmax(MODELS[0](X)), rtol=1e-5
  )


def test_sure_models_have_finite_probabilities():
  sure = lambda x: jnp.array([[0.0, -1e4], [0.0, -1e4]])
  answer = ensemble([sure, sure], "probabilities")(jnp.zeros((2, 1)))
  np.testing.assert_array_equal(answer, sure(None))


def test_it_is_attacked_as_one_model_and_others_do_not_recompile():
  traces = []

  def traced(objective):
    def loss(logits, labels):
      traces.append(logits)
      return objective(logits, labels)

    return loss

  for join, objective in (
    (ensemble, losses.cross_entropy),
    (concatenate_logits, mean_loss(losses.cross_entropy, 3)),
  ):
    attack = jax.jit(
      attacks.compose(search.fgsm, sets.linf(0.1), traced(objective))
    )
    run = lambda models, join=join, attack=attack: attack(
      jax.random.key(0), join(models), X, Y
    )
    x_adv = run(MODELS)
    first = len(traces)
    run(MODELS[::-1])
    assert len(traces) == first

    def loss(x, join=join, objective=objective):
      return objective(join(MODELS)(x), Y)

    assert jnp.all(loss(x_adv) > loss(X))


def test_plain_functions_will_do():
  both = ensemble([lambda x: x @ jnp.ones((4, 3)), MODELS[0]])
  attack = attacks.compose(search.fgsm, sets.linf(0.1), losses.cross_entropy)
  assert jax.jit(attack)(jax.random.key(0), both, X, Y).shape == X.shape


def test_bad_ensembles_are_refused():
  with pytest.raises(ValueError, match="an ensemble of no models"):
    ensemble([])
  with pytest.raises(ValueError, match="average = 'losses': expected 'logits'"):
    ensemble(MODELS, "losses")
