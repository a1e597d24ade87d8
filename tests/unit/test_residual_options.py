"""Activations and normalizations of the residual networks."""

import functools
import itertools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.ad_checkpoint import saved_residuals

from robust_jax import precision
from robust_jax.models import PreActResNet, ResNet, WideResNet
from robust_jax.models.activations import activation
from robust_jax.models.fold_normalization import fold_normalization
from robust_jax.models.layers import normalization
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


BF16 = precision.compute_dtype("bfloat16")


@pytest.mark.parametrize("kind", ["batch", "group"])
def test_norms_of_bfloat16_have_float32_arithmetic_and_bfloat16_results(kind):
  class Alone(nn.Module):
    @nn.compact
    def __call__(self, x):
      return normalization(kind, "per_device", train=True, name="bn")(x)

  x = 100 + jax.random.normal(KEY, (2, 4, 4, 32), BF16)
  exact = Alone().init_with_output(KEY, x.astype(jnp.float32))[0]
  found = Alone().init_with_output(KEY, x)[0]
  assert found.dtype == BF16
  np.testing.assert_array_equal(found, exact.astype(BF16))


@pytest.mark.parametrize("name", ["relu", "silu", "softplus"])
def test_activations_of_bfloat16_are_rounded_once(name):
  x = jnp.linspace(-10, 10, 1000, dtype=BF16)
  found, exact = (
    jax.vmap(jax.value_and_grad(activation(name)))(x.astype(dtype))
    for dtype in (BF16, jnp.float32)
  )
  for one, other in zip(found, exact, strict=True):
    assert one.dtype == BF16
    np.testing.assert_array_equal(one, other.astype(BF16))


def float32_activations(fn, at):
  """Residuals of the backward pass in float32 that are as large as images."""
  return [
    aval.shape
    for aval, origin in saved_residuals(lambda at: fn(at).sum(), at)
    if aval.dtype == jnp.float32
    and len(aval.shape) == 4
    and aval.shape[0] == len(X)
    and "broadcast_in_dim" not in origin  # the zeros of relu's derivative
  ]


@pytest.mark.parametrize(
  ("network", "act", "last"),
  [
    *((network, "relu", 0) for network in NETWORKS),
    ("wide_resnet", "silu", 3),
    ("preact_resnet", "softplus", 2),
  ],
)
def test_in_bfloat16_layers_hand_on_nothing_else(network, act, last):
  """In float32 are the last layer, which is pooled, and what normalization by
  statistics of the batch is differentiated with."""
  model = NETWORKS[network](dtype=BF16, activation=act)
  variables = model.init(KEY, X)
  infer = functools.partial(model.apply, variables)
  for fn in (infer, fold_normalization(infer)):
    assert len(float32_activations(fn, X)) == last

  def train(params):
    inputs = {**variables, "params": params}
    return model.apply(inputs, X, train=True, mutable=["batch_stats"])[0]

  norms = len(jax.tree.leaves(variables["batch_stats"])) // 2
  # Centered inputs, and inputs for their variance.
  kept = float32_activations(train, variables["params"])
  assert len(kept) == 2 * norms + last
  inputs = [
    eqn.invars[0].aval
    for eqn in jax.make_jaxpr(infer)(X).eqns
    if eqn.primitive.name == "conv_general_dilated"
  ]
  assert {aval.dtype.name for aval in inputs} == {"bfloat16"}


def test_activations_are_what_they_are_called():
  x = jnp.linspace(-3, 3, 13)
  np.testing.assert_allclose(activation("silu")(x), x / (1 + jnp.exp(-x)), 1e-5)
  expected = jnp.log1p(jnp.exp(10 * x)) / 10
  np.testing.assert_allclose(activation("softplus")(x), expected, 1e-5, 1e-7)
  np.testing.assert_array_equal(activation("relu")(x), jnp.maximum(x, 0))
  normal = [1 + math.erf(one / math.sqrt(2)) for one in x]
  expected = x * jnp.array(normal) / 2
  np.testing.assert_allclose(activation("gelu")(x), expected, 1e-5, 1e-7)
  big = jax.vmap(jax.grad(activation("softplus")))(jnp.array([-1e4, 1e4]))
  np.testing.assert_array_equal(big, [0, 1])


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"activation": "tanh"}, "activation = 'tanh': expected one of relu, silu"),
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
