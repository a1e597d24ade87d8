"""Distances between domains, by their definitions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import adaptation, metrics, parallel
from robust_jax.adaptation.records import View

KEY = jax.random.key(0)
NUM_CLASSES, WIDTH = 3, 4


def view(key, rows=6, *, domain=0, shift=0.0):
  keys = jax.random.split(key)
  return View(
    features=jax.random.normal(keys[0], (rows, WIDTH)) + shift,
    logits=jax.random.normal(keys[1], (rows, NUM_CLASSES)),
    domain=jnp.full(rows, domain, jnp.int32),
    weight=jnp.ones(rows),
  )


SOURCE = view(jax.random.key(1))
TARGET = view(jax.random.key(2), domain=1, shift=1.0)


@functools.cache
def initial(method):
  return jax.jit(method.init)(KEY, SOURCE)


def loss(method, source, target, params=None, num_devices=1):
  params = initial(method) if params is None else params
  return _loss(method, source, target, params, num_devices)


@functools.partial(jax.jit, static_argnames=("method", "num_devices"))
def _loss(method, source, target, params, num_devices):
  """The loss of a whole batch that devices fraction, and what it reports."""

  def fraction(source, target):
    value, report = method.loss(params, source, target, KEY, parallel.gather)
    return parallel.mean(value), parallel.total(report)

  split = lambda leaf: leaf.reshape(num_devices, -1, *leaf.shape[1:])
  return jax.vmap(fraction, axis_name=parallel.AXIS, out_axes=None)(
    *jax.tree.map(split, (source, target))
  )


def doubled(one: View) -> View:
  return View(*(jnp.concatenate([leaf, leaf]) for leaf in one))


DISCREPANCIES = [
  factory(layer=layer)
  for factory in (adaptation.mmd, adaptation.coral, adaptation.cmd)
  for layer in ("features", "logits")
]


@pytest.mark.parametrize("method", DISCREPANCIES)
def test_a_discrepancy_is_zero_for_equal_batches_alone(method):
  same, _ = loss(method, SOURCE, SOURCE._replace(domain=TARGET.domain))
  other, _ = loss(method, SOURCE, TARGET)
  np.testing.assert_allclose(same, 0, atol=1e-6)  # of sums of order 1
  assert other > 1e-3


def test_the_squared_mmd_is_the_mean_kernel_within_minus_between():
  def kernel(a, b, scale):
    squared = ((a[:, None] - b) ** 2).sum(-1)
    return np.mean([np.exp(-squared / (scale * 2.0**j)) for j in (-1, 0, 1)], 0)

  a, b = (np.float64(v.features) for v in (SOURCE, TARGET))
  both = np.concatenate([a, b])
  scale = ((both[:, None] - both) ** 2).sum(-1).mean()
  expected = (
    kernel(a, a, scale).mean()
    + kernel(b, b, scale).mean()
    - 2 * kernel(a, b, scale).mean()
  )
  value, _ = loss(adaptation.mmd(num_kernels=3), SOURCE, TARGET)
  np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_cmd_is_the_distance_of_means_and_of_central_moments():
  a, b = (np.float64(v.features) for v in (SOURCE, TARGET))
  expected = np.linalg.norm(a.mean(0) - b.mean(0)) / 2
  for k in (2, 3):
    moments = (((v - v.mean(0)) ** k).mean(0) for v in (a, b))
    expected += np.linalg.norm(np.subtract(*moments)) / 2**k
  value, _ = loss(adaptation.cmd(num_moments=3, width=2.0), SOURCE, TARGET)
  np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_coral_is_the_distance_of_covariances():
  a, b = (np.cov(v.features, rowvar=False) for v in (SOURCE, TARGET))
  value, _ = loss(adaptation.coral(), SOURCE, TARGET)
  np.testing.assert_allclose(
    value, np.sum((a - b) ** 2) / (4 * WIDTH**2), rtol=1e-5
  )


def test_coral_does_not_see_a_shift_and_mmd_does():
  moved = SOURCE._replace(features=SOURCE.features + 3)
  np.testing.assert_allclose(
    loss(adaptation.coral(), SOURCE, moved)[0], 0, atol=1e-5
  )
  assert loss(adaptation.mmd(), SOURCE, moved)[0] > 0.1


@pytest.mark.parametrize("method", DISCREPANCIES[::2])
def test_a_weight_of_two_is_an_example_twice(method):
  """Of CORAL up to the unbiased n - 1, which weights of 2 count as well."""
  heavy = SOURCE._replace(weight=2 * SOURCE.weight)
  twice = doubled(SOURCE)
  target = doubled(TARGET)
  np.testing.assert_allclose(
    loss(method, heavy, TARGET._replace(weight=2 * TARGET.weight))[0],
    loss(method, twice, target)[0],
    rtol=1e-4,
  )


ADVERSARIES = {
  "dann": adaptation.dann(hidden=(5,)),
  "cdan": adaptation.cdan(hidden=(), entropy=False),
  "cdan_e": adaptation.cdan(hidden=()),
}


@pytest.mark.parametrize("name", [*ADVERSARIES, "mmd", "coral", "cmd"])
def test_devices_fraction_the_whole_batch(name):
  method = ADVERSARIES.get(name) or getattr(adaptation, name)()
  one, three = (loss(method, SOURCE, TARGET, num_devices=n) for n in (1, 3))
  np.testing.assert_allclose(one[0], three[0], rtol=1e-5)


@pytest.mark.parametrize("name", ADVERSARIES)
def test_an_adversary_that_knows_nothing_loses_log_two(name):
  method = ADVERSARIES[name]
  params = jax.tree.map(jnp.zeros_like, initial(method))
  value, report = loss(method, SOURCE, TARGET, params)
  np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
  np.testing.assert_allclose(
    metrics.result(report)["domain_loss"], np.log(2), rtol=1e-6
  )


def test_both_domains_count_one_half_whatever_their_sizes():
  method = ADVERSARIES["dann"]
  params = initial(method)
  few = View(*(leaf[:2] for leaf in TARGET))
  value, _ = loss(method, SOURCE, few, params)
  same, _ = loss(method, SOURCE, doubled(few), params)
  np.testing.assert_allclose(value, same, rtol=1e-6)


def test_several_sources_are_told_apart():
  method = adaptation.dann(hidden=(), num_domains=3)
  two = SOURCE._replace(domain=jnp.arange(6) % 2)
  params = jax.tree.map(jnp.zeros_like, initial(method))
  value, _ = loss(method, two, TARGET._replace(domain=jnp.full(6, 2)), params)
  np.testing.assert_allclose(value, np.log(3), rtol=1e-6)


def test_cdan_sees_the_product_and_passes_no_gradient_to_probabilities():
  method = ADVERSARIES["cdan"]
  params = initial(method)
  widths = {leaf.shape[0] for leaf in jax.tree.leaves(params)}
  assert WIDTH * NUM_CLASSES in widths
  slope = jax.jit(
    jax.grad(
      lambda logits: loss(
        method, SOURCE._replace(logits=logits), TARGET, params
      )[0]
    )
  )(SOURCE.logits)
  np.testing.assert_array_equal(slope, 0)


def test_entropy_gives_sure_examples_more_weight():
  method = ADVERSARIES["cdan_e"]
  params = initial(method)
  sure = SOURCE._replace(logits=SOURCE.logits.at[0].multiply(50))

  def slopes(method):
    total = lambda f: loss(method, sure._replace(features=f), TARGET, params)[0]
    return jnp.linalg.norm(jax.jit(jax.grad(total))(SOURCE.features), axis=1)

  ratio = slopes(method) / slopes(ADVERSARIES["cdan"])
  assert ratio.argmax() == 0
  np.testing.assert_allclose(ratio.mean(), 1, rtol=1e-4)


@pytest.mark.parametrize("factory", [adaptation.mmd, adaptation.coral])
def test_an_unknown_layer_is_refused(factory):
  with pytest.raises(ValueError, match="'hidden': expected 'features' or"):
    factory(layer="hidden")


def test_no_kernel_is_refused():
  with pytest.raises(ValueError, match="num_kernels = 0: expected"):
    adaptation.mmd(num_kernels=0)
