"""Equal questions have equal digests, and other questions have others."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import fingerprint
from robust_jax.models.classifiers.small_cnn import SmallCNN
from robust_jax.models.inference import inference_fn

X = jax.ShapeDtypeStruct((2, 3), jnp.float32)


def linear(weight, power=1):
  weight = jnp.full((3, 4), weight)

  def model(x):
    return (x @ weight) ** power

  return model


@jax.custom_vjp
def straight(x):
  return jnp.round(x)


straight.defvjp(lambda x: (straight(x), None), lambda _, g: (g,))


@jax.custom_vjp
def twice_as_steep(x):
  return jnp.round(x)


twice_as_steep.defvjp(
  lambda x: (twice_as_steep(x), None), lambda _, g: (2 * g,)
)


def on_the_host(weight):
  def host(x):
    return np.asarray(x) * weight

  return lambda x: jax.pure_callback(host, X, x)


def branches(threshold):
  def model(x):
    return jax.lax.cond(x.sum() > threshold, jnp.sin, jnp.cos, x)

  return model


@pytest.mark.parametrize(
  "make", [linear, on_the_host, branches], ids=lambda make: make.__name__
)
def test_a_function_is_known_by_what_it_closes_over(make):
  assert fingerprint.of_function(make(1.0), X) == fingerprint.of_function(
    make(1.0), X
  )
  assert fingerprint.of_function(make(1.0), X) != fingerprint.of_function(
    make(2.0), X
  )


def test_a_function_is_known_by_its_operations():
  assert fingerprint.of_function(linear(1.0), X) != fingerprint.of_function(
    linear(1.0, power=2), X
  )
  one, other = (lambda x: x[:, :2]), (lambda x: x[:, 1:])
  assert fingerprint.of_function(one, X) != fingerprint.of_function(other, X)


def test_a_compiled_function_under_another_name_is_the_same():
  def f(x):
    return jnp.sin(x)

  def g(x):
    return jnp.sin(x)

  digests = {fingerprint.of_function(jax.jit(fn), X) for fn in (f, g)}
  assert len(digests) == 1


def test_the_derivative_counts():
  digests = {
    fingerprint.of_function(fn, X)
    for fn in (straight, twice_as_steep, jnp.round)
  }
  assert len(digests) == 3


def test_precision_counts():
  plain = fingerprint.of_function(linear(1.0), X)
  with jax.default_matmul_precision("high"):
    assert fingerprint.of_function(linear(1.0), X) != plain


def test_a_network_is_known_by_its_parameters():
  model, x = SmallCNN(num_classes=3), jnp.zeros((1, 8, 8, 1))
  init = functools.partial(model.init, x=x)
  digests = [
    fingerprint.of_function(inference_fn(model, init(jax.random.key(seed))), x)
    for seed in (0, 0, 1)
  ]
  assert digests[0] == digests[1] != digests[2]


def test_arrays_are_known_by_value_dtype_and_structure():
  tree = {"a": np.arange(4), "key": jax.random.key(0), "name": "linf"}
  digest = fingerprint.of_arrays(tree)
  assert fingerprint.of_arrays(jax.tree.map(lambda leaf: leaf, tree)) == digest
  others = [
    tree | {"a": np.arange(4.0)},
    tree | {"a": np.arange(4).reshape(2, 2)},
    tree | {"key": jax.random.key(1)},
    tree | {"name": "l2"},
    tree | {"b": 0},
  ]
  digests = {fingerprint.of_arrays(other) for other in others}
  assert len(digests | {digest}) == 6


def test_what_differs_is_named():
  there = {"eps": "0.1", "key": "a", "norm": "linf"}
  fingerprint.refuse_other(there, dict(there), "state.npz", "Delete it.")
  with pytest.raises(ValueError, match=r"state.npz.*: eps, norm differ\."):
    fingerprint.refuse_other(
      there, {"eps": "0.2", "key": "a"}, "state.npz", "Delete it."
    )
