"""Laws of every search on every perturbation set.

A pair of both is compiled once, into a function of all that the laws vary: the
objective, the scale of the set, the key, the inputs; what its delta does, once
for each set. All laws are held against one pair, which is then dropped: a
hundred compiled pairs take more than a gigabyte.
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
  a_few,
  bumpy,
  has_gradient,
  inputs,
  is_additive,
  is_convex,
  is_first_order,
  make_set,
  needs_grid,
  random_like,
  uses_key,
)
from tests.contract.optima import KNOWN, linear_optimum

AS_IT_IS = np.arange(6)
# In another order, one in the place of another.
MIXED = np.array([3, 1, 5, 0, 4, 1])
SICK = 2  # the example whose objective is NaN, where it is

each_search = pytest.mark.parametrize("search", SEARCHES)


def options_of(search):
  return {*inspect.signature(lookup.find("search", search)).parameters}


def each_search_with(*options):
  """Those with these options; of others, what is asked means nothing."""
  return pytest.mark.parametrize(
    "search", [name for name in SEARCHES if {*options} <= options_of(name)]
  )


def pairs():
  """Those of a search and a set that it takes; of one set in succession."""
  for pset, search in itertools.product(SETS, SEARCHES):
    if make_set(pset).grid is not None or not needs_grid(search):
      yield search, pset


def exempt_from_optimum(search, pset):
  """Why a search need not reach the largest value in a set, or None."""
  if not is_first_order(search):
    return "the search takes no gradient"
  if not is_additive(pset):
    return "the set does not add to x: its largest value is not known"
  return None


def landscape(x, w, bumps):
  """A linear objective, a bumpy one, or the sum of both."""
  return bumps * bumpy(x) + tree.dot(w, x)


def rows_of(values, rows):
  """Those examples of every leaf."""
  return jax.tree.map(lambda leaf: leaf[rows], values)


def has_moved(x_adv, x):
  """`[B]`, whether anything of an example has changed."""
  change = lambda a, b: jnp.asarray(a, jnp.float32) - b
  return tree.norm(jax.tree.map(change, x_adv, x), "linf") > 1e-7


@functools.lru_cache(maxsize=1)
def effect_in(pset):
  """The effect of a delta of the set, compiled once for all searches."""

  def effect(delta, x, w, scale, bumps):
    threat = make_set(pset, scale)
    x_adv = threat.apply(x, delta)
    return {
      "x_adv": x_adv,
      "projected": threat.apply(x, threat.project(x, delta)),
      "again": landscape(x_adv, w, bumps),
      "clean": landscape(x, w, bumps),
    }

  return jax.jit(effect)


class Pair:
  """A search on a set: one compiled function, and what it has returned.

  Attributes:
    search, pset: their names.
    num_traces: how often it was compiled.
  """

  def __init__(self, search, pset, **hyper):
    self.search, self.pset = search, pset
    self.num_traces, self._results = 0, {}
    find = lookup.find("search", search)
    hyper = a_few(search) | hyper

    def run(key, x, w, scale, bumps, is_sick):
      self.num_traces += 1

      def objective(x_adv):
        healthy = landscape(x_adv, w, bumps)
        return jnp.where(has_moved(x_adv, x) & is_sick, jnp.nan, healthy)

      return find(key, objective, make_set(pset, scale), x, **hyper)

    self._run, self._effect = jax.jit(run), effect_in(pset)

  def __call__(
    self, *, seed=0, scale=1.0, linear=False, sick=False, mixed=False
  ):
    """Runs the search on bumps around random inputs.

    Args:
      seed: of the key.
      scale: of the set.
      linear: instead, on a linear objective around images with pixels at the
        edges of the box.
      sick: with one example's objective NaN, except at its clean point.
      mixed: with the examples of the batch in other places.
    """
    given = (seed, scale, linear, sick, mixed)
    if given not in self._results:
      rows = MIXED if mixed else AS_IT_IS
      x = inputs(self.pset, edges=linear)
      x, w = rows_of((x, random_like(5, x, float(linear))), rows)
      bumps = 1.0 - linear
      key, is_sick = jax.random.key(seed), sick & (rows == SICK)
      delta, value = self._run(key, x, w, scale, bumps, is_sick)
      effect = self._effect(delta, x, w, scale, bumps)
      self._results[given] = {"delta": delta, "value": value, **effect}
    return self._results[given]


@pytest.fixture(params=pairs(), ids="-".join, scope="module")
def pair(request):
  return Pair(*request.param)


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


def test_value_is_the_objective_at_delta_and_no_less_than_clean(pair):
  result = pair()
  assert result["value"].dtype == jnp.float32
  fails_nowhere(result["value"], result["again"])
  assert jnp.all(result["value"] >= result["clean"] - 1e-5)


def test_delta_is_feasible(pair):
  result = pair()
  assert all(t.dtype == jnp.float32 for t in jax.tree.leaves(result["delta"]))
  fails_nowhere(result["x_adv"], result["projected"], atol=2e-6)


def test_the_same_key_gives_the_same_answer(pair):
  first = pair()
  pair._results.clear()
  jax.tree.map(np.testing.assert_array_equal, pair(), first)


# From nothing and a few pixels to more than the box holds.
SCALES = (0.0, 0.5, 1.0, 3.0, 10.0, 100.0)


def test_other_scales_compile_nothing_and_something_is_found(pair):
  before = pair.num_traces
  results = [pair(linear=True, scale=scale) for scale in SCALES[:4]]
  # One, or none after another test, unless programs were dropped in between.
  assert pair.num_traces - before <= 1
  found = any(jnp.any(r["value"] > r["clean"] + 1e-4) for r in results)
  if (
    not found
    and "step_size" in options_of(pair.search)
    and not has_gradient(pair.pset)
  ):
    pytest.skip("the search makes small steps, which the set rounds to none")
  assert found


def test_the_known_optimum_is_reached(pair):
  reason = exempt_from_optimum(pair.search, pair.pset)
  if reason:
    pytest.skip(reason)
  results = [pair(linear=True, scale=scale) for scale in SCALES]
  x = inputs(pair.pset, edges=True)
  for scale, result in zip(SCALES, results, strict=True):
    gain = np.asarray(result["value"] - result["clean"])
    best = linear_optimum(pair.pset, x, random_like(5, x), scale)
    # 2.5 %: 2.5 radii of steps go that near to an L2 optimum.
    assert np.all(gain >= 0.98 * best), (gain / best).min()
    assert np.all(gain <= 1.00001 * best + 1e-4)
  if is_convex(pair.pset):
    for smaller, larger in itertools.pairwise(results):
      assert jnp.all(larger["value"] >= smaller["value"] - 1e-4)


def test_nobody_is_skipped_everywhere():
  """A search may refuse sets without a grid, and miss optima without gradient.

  Every other pair is held to every law.
  """
  held = {pair for pair in pairs() if not exempt_from_optimum(*pair)}
  first_order = {search for search in SEARCHES if is_first_order(search)}
  assert held == set(itertools.product(first_order, KNOWN))
  assert {search for search, _ in pairs()} == set(SEARCHES)
  assert {pset for _, pset in pairs()} == set(SETS)
  grids = {search for search in SEARCHES if needs_grid(search)}
  assert first_order
  assert not grids & first_order


@each_search_with("num_steps", "step_size")
@pytest.mark.parametrize("num_steps", [1, 3, 10])
def test_default_steps_reach_the_far_side(search, num_steps):
  """Those of a gradient, or that a search chooses by their number."""
  find = lookup.find("search", search)
  given = inspect.signature(find).parameters["step_size"].default
  if given is not None and not is_first_order(search):
    pytest.skip("the search has a step size of its own and takes no gradient")
  # One pixel, whose slope is known from two values as well.
  x = jnp.full((16, 1), 0.5)
  run = functools.partial(find, num_steps=num_steps)
  key, pset = jax.random.key(0), make_set("linf")
  delta = jax.jit(lambda: run(key, lambda x: x[:, 0], pset, x).delta)()
  np.testing.assert_allclose(
    delta, 0.1, atol=1e-6, err_msg=f"{num_steps} steps do not cross the ball"
  )


def test_nan_never_wins_and_stays_with_its_example(pair):
  sick, healthy = pair(sick=True), pair()
  assert jnp.all(jnp.isfinite(sick["value"]))
  others = AS_IT_IS != SICK
  fails_nowhere(sick["value"][others], healthy["value"][others])
  fails_nowhere(*(rows_of(r["x_adv"], others) for r in (sick, healthy)))
  clean = rows_of(inputs(pair.pset), SICK)
  fails_nowhere(rows_of(sick["x_adv"], SICK), clean, atol=1e-6)


def assert_mixed_like_straight(pair, rows):
  straight, mixed = pair(), pair(mixed=True)
  fails_nowhere(rows_of(mixed, rows), rows_of(straight, MIXED[rows]))


def test_changing_the_neighbors_changes_nothing(pair):
  # A key has other draws for another place in the batch: of searches that use
  # theirs, only those examples are compared that stay where they are.
  stay = np.flatnonzero(MIXED == AS_IT_IS)
  rows = stay if uses_key(pair.search) else AS_IT_IS
  assert_mixed_like_straight(pair, rows)


@each_search_with("random_start")
@pytest.mark.parametrize("pset", ["linf", "l1"])
def test_the_place_does_not_matter_from_the_clean_point(search, pset):
  pair = Pair(search, pset, random_start=False)
  assert_mixed_like_straight(pair, AS_IT_IS)


@pytest.mark.parametrize("search", [s for s in SEARCHES if needs_grid(s)])
@pytest.mark.parametrize(
  "pset", [name for name in SETS if make_set(name).grid is None]
)
def test_a_refusal_says_what_is_expected(search, pset):
  with pytest.raises(ValueError, match=r"cannot be enumerated.*expected"):
    Pair(search, pset)()
