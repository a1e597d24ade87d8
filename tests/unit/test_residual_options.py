"""Activations and normalizations of the residual networks."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import precision
from robust_jax.models import PreActResNet, ResNet, WideResNet
from robust_jax.models.layers import activation, normalization
from tests.contract.samples import random_variables

KEY = jax.random.key(0)
X = jax.random.uniform(KEY, (3, 8, 8, 3))
NETWORKS = {
  "preact_resnet": lambda **options: PreActResNet(
    num_classes=5, num_blocks=(1, 1), width=16, **options
  ),
  "resnet": lambda **options: ResNet(
    num_classes=5, num_blocks=(1, 1), width=16, **options
  ),
  "wide_resnet": lambda **options: WideResNet(
    num_classes=5, depth=10, widen=1, **options
  ),
}
# Each of both options once.
CASES = [
  (network, *options)
  for network, options in itertools.product(
    NETWORKS, [("silu", "group"), ("softplus", "layer")]
  )
]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def case(request):
  """A network, its variables, and its training pass with a gradient to x."""
  network, act, norm = request.param
  model = NETWORKS[network](activation=act, norm=norm)
  variables = random_variables(model, X)

  @jax.jit
  def train(x):
    logits, pull = jax.vjp(lambda x: model.apply(variables, x, train=True), x)
    return logits, pull(jnp.cos(jnp.arange(15.0)).reshape(3, 5))[0]

  return model, variables, train


def test_training_is_inference_and_there_are_no_statistics(case):
  model, variables, train = case
  logits, _ = train(X)
  assert (logits.shape, logits.dtype) == ((3, 5), jnp.float32)
  assert set(variables) == {"params"}
  inferred = jax.jit(model.apply)(variables, X)
  np.testing.assert_allclose(inferred, logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("other", [0.0, np.nan])
def test_neighbors_change_nothing_in_training_either(case, other):
  *_, train = case
  x = jnp.full_like(X, other).at[1].set(X[1])
  for alone, among in zip(train(X), train(x), strict=True):
    np.testing.assert_array_equal(among[1], alone[1])


def test_gradients_are_finite_without_contrast_too(case):
  *_, train = case
  for x in (X, jnp.zeros_like(X)):
    logits, grad = train(x)
    assert np.isfinite(logits).all()
    assert np.isfinite(grad).all()
  assert (np.abs(train(X)[1]).max((0, 1, 2)) > 0).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_the_defaults_are_batch_norm_and_relu(network):
  plain = NETWORKS[network]()
  assert plain == NETWORKS[network](activation="relu", norm="batch")
  program = str(jax.make_jaxpr(plain.init_with_output)(KEY, X))
  assert "logistic" not in program
  assert "batch_stats" in plain.init(KEY, X)


def test_norms_and_their_results_are_float32_in_bfloat16():
  dtype = precision.compute_dtype("bfloat16")
  layer = normalization("group", "per_device", train=True, name="bn")

  class Alone(nn.Module):
    @nn.compact
    def __call__(self, x):
      return layer(x)

  normalized = lambda x: Alone().init_with_output(KEY, x)[0]
  shape = jax.ShapeDtypeStruct((2, 4, 4, 32), dtype)
  assert jax.eval_shape(normalized, shape).dtype == jnp.float32


def test_activations_are_what_they_are_called():
  x = jnp.linspace(-3, 3, 13)
  np.testing.assert_allclose(activation("silu")(x), x / (1 + jnp.exp(-x)), 1e-5)
  expected = jnp.log1p(jnp.exp(10 * x)) / 10
  np.testing.assert_allclose(activation("softplus")(x), expected, 1e-5, 1e-7)
  np.testing.assert_array_equal(activation("relu")(x), jnp.maximum(x, 0))
  big = jax.vmap(jax.grad(activation("softplus")))(jnp.array([-1e4, 1e4]))
  np.testing.assert_array_equal(big, [0, 1])


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"activation": "gelu"}, "activation = 'gelu': expected one of relu, silu"),
    ({"norm": "local"}, "norm = 'local': expected 'batch', 'group'"),
    (
      {"norm": "group", "batch_norm": "synchronized"},
      "'synchronized' with norm = 'group'",
    ),
  ],
)
@pytest.mark.parametrize("network", NETWORKS)
def test_what_there_is_not_is_refused(network, options, message):
  with pytest.raises(ValueError, match=message):
    jax.eval_shape(NETWORKS[network](**options).init, KEY, X)
