"""Laws of every alignment of two domains: a plain function of two batches."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup, parallel
from robust_jax.adaptation.records import Alignment, View

KEY = jax.random.key(0)
NUM_ROWS = 8  # of each domain


def _made(name):
  make = lookup.find("adaptation", name)
  takes = "hidden" in inspect.signature(make).parameters
  return make(hidden=(5,)) if takes else make()


MADE = {name: _made(name) for name in lookup.members("adaptation")}
ALIGNMENTS = [
  n for n, a in MADE.items() if isinstance(a, Alignment) and a.loss is not None
]
DISCREPANCIES = [name for name in ALIGNMENTS if not MADE[name].adversarial]


def view(seed, domain=0, rows=NUM_ROWS):
  """Features are multiples of 1/256: a shift by 1000 loses nothing of them."""
  keys = jax.random.split(jax.random.key(seed))
  features = jax.random.normal(keys[0], (rows, 4)) + domain
  return View(
    features=jnp.round(features * 256) / 256,
    logits=jax.random.normal(keys[1], (rows, 3)),
    domain=jnp.full(rows, domain, jnp.int32),
    weight=jnp.ones(rows),
  )


SOURCE, TARGET = view(1), view(2, domain=1)


@functools.partial(jax.jit, static_argnames="name")
def loss(name, source=SOURCE, target=TARGET):
  """Outside of any step, where no axis of devices is bound."""
  method = MADE[name]
  return method.loss(method.init(KEY, source), source, target, KEY)[0]


def shared(name, mapped, num_devices):
  """The mean over devices that share the batch."""
  method = MADE[name]
  params = method.init(KEY, SOURCE)

  def fraction(views):
    value, _ = method.loss(params, *views, KEY, parallel.gather)
    return parallel.mean(value)

  split = lambda leaf: leaf.reshape(num_devices, -1, *leaf.shape[1:])
  return mapped(fraction, axis_name=parallel.AXIS, out_axes=None)(
    jax.tree.map(split, (SOURCE, TARGET))
  )


def test_they_are_discovered():
  assert {"cdan", "coral", "dann", "mmd"} <= set(ALIGNMENTS)
  assert {"coral", "mmd"} <= set(DISCREPANCIES)


@pytest.mark.parametrize("name", ALIGNMENTS)
def test_a_step_is_not_needed_and_changes_nothing(name):
  alone = loss(name)
  assert np.isfinite(alone)
  np.testing.assert_allclose(shared(name, jax.vmap, 4), alone, rtol=1e-5)


def value_and_slope(name, scale=1.0, shift=0.0):
  """Both as they would be of features of scale 1."""
  move = lambda one: one._replace(features=one.features * scale + shift)
  source, target = move(SOURCE), move(TARGET)
  of_features = lambda f: loss(name, source._replace(features=f), target)
  value, slope = jax.jit(jax.value_and_grad(of_features))(source.features)
  return np.float64(value), np.float64(slope) * scale


@pytest.mark.parametrize("name", DISCREPANCIES)
@pytest.mark.parametrize(("scale", "shift"), [(1, 1000), (2.0**-7, 30)])
def test_a_common_shift_changes_no_discrepancy(name, scale, shift):
  here = value_and_slope(name, scale)
  there = value_and_slope(name, scale, shift)
  np.testing.assert_allclose(there[0], here[0], rtol=1e-4)
  np.testing.assert_allclose(
    there[1], here[1], rtol=0, atol=1e-4 * np.abs(here[1]).max()
  )


@pytest.mark.parametrize("name", DISCREPANCIES)
@pytest.mark.parametrize("rows", [3, 32])  # fewer and more than features
def test_rows_of_weight_0_change_no_discrepancy(name, rows):
  source, target = view(3, rows=rows), view(4, domain=1, rows=rows)
  far = view(5)._replace(features=100 * SOURCE.features, weight=jnp.zeros(8))
  padded = View(
    *(jnp.concatenate(both) for both in zip(source, far, strict=True))
  )
  np.testing.assert_allclose(
    loss(name, padded, target), loss(name, source, target), rtol=1e-4
  )
