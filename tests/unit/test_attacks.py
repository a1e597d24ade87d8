"""Bad input to an attack, and what an attack costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, losses, search
from robust_jax import perturbations as sets
from robust_jax.attacks.cost import count_model_calls
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.inference import inference_fn

KEY = jax.random.key(0)
X, Y = jnp.full((4, 3, 3, 1), 0.5), jnp.array([0, 1, 2, 0])
WEIGHTS = jax.random.normal(jax.random.key(1), (9, 3))


def linear(x):
  return x.reshape(len(x), -1) @ WEIGHTS


def attack(**hyper):
  return attacks.compose(
    search.pgd, sets.linf(0.1), losses.cross_entropy, **hyper
  )


@pytest.mark.parametrize(
  ("x", "y", "message"),
  [
    (X + 1, Y, r"values from 1.5 to 1.5: expected \[0, 1\]"),
    (X.at[0].set(jnp.nan), Y, "values from nan"),
    ((255 * X).astype(jnp.uint8), Y, "dtype uint8: expected floats"),
    (X[:0], Y[:0], "at least one example"),
    (X, jnp.array([0, 1, 2, 3]), r"labels from 0 to 3: expected 0..2"),
    (X, jnp.array([0, 1, -1, 2]), r"labels from -1 to 2"),
    (X, jax.nn.one_hot(Y, 3), r"labels of shape \(4, 3\): expected \[4\]"),
    (X, Y.astype(jnp.float32), "labels of dtype float32: expected integers"),
  ],
)
def test_bad_input_is_refused_in_prose(x, y, message):
  with pytest.raises(ValueError, match=message):
    attack()(KEY, linear, x, y)


def test_a_model_that_answers_no_logits_is_refused():
  with pytest.raises(ValueError, match=r"returned shape \(4,\) .* \[4, K\]"):
    attack()(KEY, lambda x: linear(x)[:, 0], X, Y)


@pytest.mark.parametrize("name", ["num_steps", "restarts"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_steps_that_make_no_attack_are_refused(name, value):
  with pytest.raises(ValueError, match=f"{name} = {value}: expected a whole"):
    attack(**{name: value})(KEY, linear, X, Y)


def test_negative_eps_is_refused():
  for make in (sets.linf, sets.l2):
    with pytest.raises(ValueError, match=r"eps = -0.1: expected 0 or more"):
      make(-0.1)


def test_new_parameters_and_labels_do_not_recompile():
  traces = []

  def model(weights, x):
    traces.append(x)
    return x.reshape(len(x), -1) @ weights

  run = jax.jit(attack())
  run(KEY, jax.tree_util.Partial(model, WEIGHTS), X, Y)
  first = len(traces)
  run(KEY, jax.tree_util.Partial(model, -WEIGHTS), X, jnp.roll(Y, 1))
  assert len(traces) == first


def test_targeted_attack_on_a_linear_model_reaches_the_target():
  # Between classes 0 and t the optimal change is eps sign(w_t - w_0).
  expected = attacks.compose(
    search.fgsm, sets.linf(0.1), losses.targeted(losses.margin)
  )
  target = jnp.array([1, 2, 1, 2])
  x_adv = expected(KEY, linear, X, target)
  logits = linear(X)
  rival = jnp.argmax(jnp.where(jax.nn.one_hot(target, 3) > 0, -9e9, logits), 1)
  direction = jnp.sign(WEIGHTS[:, target] - WEIGHTS[:, rival]).T
  np.testing.assert_allclose(
    x_adv - X, 0.1 * direction.reshape(X.shape), atol=1e-6
  )


def test_labels_that_a_jitted_function_closes_over_are_checked_too():
  x_adv = jax.jit(lambda x: attack()(KEY, linear, x, Y))(X)
  np.testing.assert_allclose(x_adv, attack()(KEY, linear, X, Y), atol=1e-6)
  wrong = jnp.arange(4)
  with pytest.raises(ValueError, match="labels from 0 to 3"):
    jax.jit(lambda x: attack()(KEY, linear, x, wrong))(X)


def test_no_gradient_flows_through_an_attack():
  grad = jax.grad(lambda x: attack()(KEY, linear, x, Y).sum())(X)
  np.testing.assert_array_equal(grad, 0)


@pytest.mark.parametrize(
  ("hyper", "forward", "backward"),
  [
    # Clean, one per step, last iterate.
    ({"num_steps": 5}, 7, 5),
    ({"num_steps": 5, "restarts": 3}, 1 + 3 * 6, 15),
    ({"num_steps": 5, "random_start": False}, 6, 5),
    # The value of the last iterate, which nobody reads, costs nothing.
    ({"num_steps": 5, "keep": "last"}, 5, 5),
  ],
)
def test_passes_are_counted(hyper, forward, backward):
  assert count_model_calls(attack(**hyper), linear, X, Y) == (forward, backward)


def test_passes_of_a_batch_evaluated_twice_and_of_a_stranger():
  def doubled(key, logits_fn, x, labels):
    del key, labels
    logits = logits_fn(jnp.concatenate([x, 1 - x]))
    return x + 0 * logits.mean()

  assert count_model_calls(doubled, linear, X, Y) == (2, 0)


def test_an_equal_model_with_other_variables_does_not_recompile():
  traces = []

  def answer(logits_fn, x):
    traces.append(x)
    return logits_fn(x)

  run, x = jax.jit(answer), jnp.zeros((2, 8, 8, 1))
  for seed in range(2):
    variables = SmallCNN(num_classes=3).init(jax.random.key(seed), x)
    run(inference_fn(SmallCNN(num_classes=3), variables), x)
  assert len(traces) == 1


def test_rs_fgsm_takes_its_gradient_outside_of_the_box():
  # The gradient at the noise picks the sign: below black it points one way.
  seen = []

  def model(x):
    jax.debug.callback(lambda v: seen.append(np.asarray(v)), x)
    return linear(x)

  x = jnp.zeros((4, 3, 3, 1))
  x_adv = attacks.rs_fgsm(0.1)(KEY, model, x, Y)
  jax.effects_barrier()
  assert min(v.min() for v in seen) < -0.05
  assert count_model_calls(attacks.rs_fgsm(0.1), linear, x, Y) == (1, 1)
  rise = losses.cross_entropy(linear(x_adv), Y) > losses.cross_entropy(
    linear(x), Y
  )
  assert rise.all()
  assert x_adv.min() >= 0
  assert x_adv.max() <= 0.1 + 1e-6
