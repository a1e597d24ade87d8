"""What every search must satisfy on every perturbation set.

A pair of both is compiled once, into a function of all that the laws vary: the
objective, the scale of the set, the key, the order of the batch; what its theta
does, once for each set. The results are shared.
"""

import functools
import inspect
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import lookup, tree
from tests.contract.members import (
  SEARCHES,
  SETS,
  bumpy,
  images,
  is_additive,
  is_convex,
  is_first_order,
  make_set,
)
from tests.contract.optima import linear_optimum

W = jax.random.normal(jax.random.key(5), (6, 6, 6, 3))
ORDER = np.array([3, 1, 5, 0, 4, 2])
AS_IT_IS = np.arange(6)
SICK = 2  # the example whose objective is NaN, where it is

each_search = pytest.mark.parametrize("search", SEARCHES)


def each_search_with(*options):
  """Those with these options; of others, what is asked means nothing."""
  having = lambda name: (
    inspect.signature(lookup.find("search", name)).parameters
  )
  return pytest.mark.parametrize(
    "search", [name for name in SEARCHES if {*options} <= {*having(name)}]
  )


each_pair = pytest.mark.parametrize(
  ("search", "pset"), list(itertools.product(SEARCHES, SETS))
)


def landscape(x, w, bumps):
  """A linear objective, a bumpy one, or the sum of both."""
  return bumps * bumpy(x) + tree.dot(w, x)


@functools.cache
def effect_in(pset):
  """What a theta of the set does, compiled once for all searches."""

  def effect(theta, x, w, scale, bumps):
    threat = make_set(pset, scale)
    x_adv = threat.apply(x, theta)
    return {
      "x_adv": x_adv,
      "projected": threat.apply(x, threat.project(x, theta)),
      "again": landscape(x_adv, w, bumps),
      "clean": landscape(x, w, bumps),
    }

  return jax.jit(effect)


class Pair:
  """A search on a set: one compiled function, and what it has returned.

  Attributes:
    num_traces: how often it was compiled.
    refusal: why the search does not work on the set, or None.
  """

  def __init__(self, search, pset, **hyper):
    self.num_traces, self.refusal, self._results = 0, None, {}
    find = lookup.find("search", search)

    def run(key, x, w, scale, bumps, is_sick):
      self.num_traces += 1

      def objective(x_adv):
        moved = jnp.any(jnp.abs(x_adv - x) > 1e-7, axis=(1, 2, 3))
        healthy = landscape(x_adv, w, bumps)
        return jnp.where(moved & is_sick, jnp.nan, healthy)

      return find(key, objective, make_set(pset, scale), x, **hyper)

    self._run, self._effect = jax.jit(run), effect_in(pset)

  def __call__(
    self, *, seed=0, scale=1.0, linear=False, sick=False, order=None
  ):
    """What it returns on bumps around random images.

    Args:
      seed: of the key.
      scale: of the set.
      linear: instead, on a linear objective around images with pixels at the
        edges of the box.
      sick: with one example's objective NaN, except at its clean point.
      order: "mixed" for another order of the batch.
    """
    given = (seed, scale, linear, sick, order)
    if given not in self._results:
      rows = AS_IT_IS if order is None else ORDER
      x = images(edges=linear)
      try:
        x, w, bumps = x[rows], W[rows] * linear, 1.0 - linear
        key, is_sick = jax.random.key(seed), sick & (rows == SICK)
        theta, value = self._run(key, x, w, scale, bumps, is_sick)
        effect = self._effect(theta, x, w, scale, bumps)
        self._results[given] = {"theta": theta, "value": value, **effect}
      except ValueError as error:
        self.refusal = str(error)
        pytest.skip(f"refused: {error}")
    return self._results[given]


@functools.cache
def pair_of(search, pset, **hyper):
  return Pair(search, pset, **hyper)


def fails_nowhere(a, b, rtol=1e-5, atol=1e-5):
  jax.tree.map(
    lambda u, v: np.testing.assert_allclose(u, v, rtol=rtol, atol=atol), a, b
  )


@each_search
def test_signature(search):
  parameters = inspect.signature(lookup.find("search", search)).parameters
  positional = [
    p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY
  ]
  assert positional == ["key", "objective", "pset", "x"]
  hyper = [p for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
  assert all(p.default is not p.empty for p in hyper)


@each_pair
def test_value_is_the_objective_at_theta_and_no_less_than_clean(search, pset):
  result = pair_of(search, pset)()
  assert result["value"].dtype == jnp.float32
  fails_nowhere(result["value"], result["again"])
  assert jnp.all(result["value"] >= result["clean"] - 1e-5)


@each_pair
def test_theta_is_feasible(search, pset):
  result = pair_of(search, pset)()
  assert all(t.dtype == jnp.float32 for t in jax.tree.leaves(result["theta"]))
  fails_nowhere(result["x_adv"], result["projected"], atol=2e-6)


@each_pair
def test_the_same_key_gives_the_same_answer(search, pset):
  pair = pair_of(search, pset)
  first = pair()
  pair._results.clear()
  jax.tree.map(np.testing.assert_array_equal, pair(), first)


@each_pair
def test_linear_objective_reaches_the_optimum_of_set_and_box(search, pset):
  if not (is_first_order(search) and is_additive(pset)):
    pytest.skip("no optimum is known to be reached")
  pair = pair_of(search, pset)
  # From a few pixels to more than the box holds.
  for scale in (0.5, 1.0, 10.0, 100.0):
    try:
      result = pair(linear=True, scale=scale)
    except pytest.skip.Exception:
      pytest.fail(f"{search} does not have to refuse {pset}: {pair.refusal}")
    gain = np.asarray(result["value"] - result["clean"])
    best = linear_optimum(pset, images(edges=True), W, scale)
    # 2.5 %: 2.5 radii of steps go that near to an L2 optimum.
    assert np.all(gain >= 0.975 * best)
    assert np.all(gain <= 1.00001 * best + 1e-4)


@each_search_with("num_steps", "step_size")
@pytest.mark.parametrize("num_steps", [1, 3, 10])
def test_default_steps_reach_the_far_side(search, num_steps):
  find = lookup.find("search", search)
  # One pixel, whose slope is known from two values as well.
  x = jnp.full((16, 1), 0.5)
  run = functools.partial(find, num_steps=num_steps)
  key, pset = jax.random.key(0), make_set("linf")
  theta = jax.jit(lambda: run(key, lambda x: x[:, 0], pset, x).theta)()
  np.testing.assert_allclose(theta, 0.1, atol=1e-6)


@each_pair
def test_another_scale_compiles_nothing_new(search, pset):
  pair = pair_of(search, pset)
  values = [
    pair(linear=True, scale=scale)["value"] for scale in (0.0, 0.5, 1.0, 3.0)
  ]
  assert pair.num_traces == 1
  if is_first_order(search) and is_additive(pset) and is_convex(pset):
    for smaller, larger in itertools.pairwise(values):
      assert jnp.all(larger >= smaller - 1e-4)


@each_pair
def test_nan_never_wins_and_stays_with_its_example(search, pset):
  pair = pair_of(search, pset)
  sick, healthy = pair(sick=True), pair()
  assert jnp.all(jnp.isfinite(sick["value"]))
  others = AS_IT_IS != SICK
  fails_nowhere(sick["value"][others], healthy["value"][others])
  fails_nowhere(sick["x_adv"][others], healthy["x_adv"][others])
  clean = images()[SICK]
  np.testing.assert_allclose(sick["x_adv"][SICK], clean, atol=1e-6)


@each_pair
def test_permuting_the_batch_permutes_the_result(search, pset):
  pair = pair_of(search, pset)
  straight = pair()
  if jnp.any(straight["value"] != pair(seed=1)["value"]):
    pytest.skip("depends on the key")
  mixed = pair(order="mixed")
  fails_nowhere(mixed, jax.tree.map(lambda t: t[ORDER], straight))


@each_search_with("random_start")
@pytest.mark.parametrize("pset", ["linf", "l1"])
def test_permuting_the_batch_from_the_clean_point(search, pset):
  pair = pair_of(search, pset, random_start=False)
  if jnp.any(pair()["value"] != pair(seed=1)["value"]):
    pytest.skip("depends on the key")
  mixed, straight = pair(order="mixed"), pair()
  fails_nowhere(mixed, jax.tree.map(lambda t: t[ORDER], straight))


@each_search
def test_a_search_serves_balls_or_whatever_can_be_enumerated(search):
  for pset in SETS:
    pair = pair_of(search, pset)
    try:
      pair()
    except pytest.skip.Exception:
      # A refusal says what was wanted instead.
      assert "want" in pair.refusal
  served = {pset for pset in SETS if pair_of(search, pset).refusal is None}
  grids = {pset for pset in SETS if make_set(pset).grid is not None}
  assert "linf" in served or served == grids
