"""Ensemble adversarial training, and RAND+FGSM, its attack."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, perturbations, search
from robust_jax.training_losses.ensemble_at import ensemble_at
from robust_jax.types import Forward

KEY = jax.random.key(0)
WEIGHTS = jax.random.normal(KEY, (4, 12, 3))
BATCH = {
  "x": jax.random.uniform(KEY, (6, 12), minval=0.3, maxval=0.7),
  "y": jnp.arange(6) % 3,
  "mask": jnp.ones(6),
}
FGSM = attacks.compose(
  search.fgsm, perturbations.linf(0.1), losses.cross_entropy
)


def linear(weights):
  return lambda x: x @ weights


SURROGATES = [linear(WEIGHTS[1]), linear(WEIGHTS[2])]


@jax.jit
def trained_on(step, own):
  """The loss, and the images of its training passes, clean then adversarial."""
  seen = []

  def train(key, x, model_state=None):
    seen.append(x)
    return x @ own, {}

  forward = Forward(train, linear(own), step)
  out = ensemble_at(FGSM, SURROGATES)(forward, BATCH, KEY)
  return out.per_example, *seen


def test_examples_are_those_of_one_model_which_changes_from_step_to_step():
  own = WEIGHTS[0]
  answers = [
    FGSM(KEY, g, BATCH["x"], BATCH["y"]) for g in (linear(own), *SURROGATES)
  ]
  drawn = []
  for step in range(12):
    per_example, clean, found = trained_on(step, own)
    np.testing.assert_array_equal(clean, BATCH["x"])
    apart = [float(jnp.abs(found - each).max()) for each in answers]
    drawn.append(int(np.argmin(apart)))
    assert min(apart) < 1e-6
    values = [losses.cross_entropy(x @ own, BATCH["y"]) for x in (clean, found)]
    np.testing.assert_allclose(per_example, np.mean(values, axis=0), rtol=1e-5)
    # Of a surrogate they do not depend on what is trained.
    _, _, other = trained_on(step, WEIGHTS[3])
    same = bool(jnp.allclose(found, other, atol=1e-6))
    assert same == (drawn[-1] > 0)
  assert set(drawn) == {0, 1, 2}


def test_one_pass_of_each_kind_is_counted_whichever_model_is_attacked():
  forward = Forward(lambda key, x, s=None: (x[:, :3], {}), SURROGATES[0], 0)
  out = ensemble_at(attacks.rand_fgsm(0.1), SURROGATES)(forward, BATCH, KEY)
  assert out.metrics["attack_passes"][0] == 2


def test_without_surrogates_it_is_refused():
  with pytest.raises(ValueError, match=r"config\.surrogates\.runs names"):
    ensemble_at(FGSM)(Forward(None, None, 0), BATCH, KEY)


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_rand_fgsm_divides_its_radius_between_chance_and_the_gradient(noise):
  """On an affine model of two classes the gradient has one sign everywhere."""
  weights = jnp.stack([WEIGHTS[0][:, 0], jnp.zeros(12)], axis=1)
  labels = jnp.zeros(6, int)
  attack = attacks.rand_fgsm(0.2, noise=noise)
  x_adv = attack(KEY, linear(weights), BATCH["x"], labels)
  climbed = x_adv - BATCH["x"] + (1 - noise) * 0.2 * jnp.sign(weights[:, 0])
  np.testing.assert_allclose(jnp.abs(climbed), noise * 0.2, atol=1e-6)
  if noise:
    assert 0.2 < jnp.mean(climbed > 0) < 0.8


def test_rand_fgsm_refuses_a_noise_beyond_its_radius():
  with pytest.raises(ValueError, match=r"noise = 1\.5: expected 1\.0 or less"):
    attacks.rand_fgsm(0.1, noise=1.5)
