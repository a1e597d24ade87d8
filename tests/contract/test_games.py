"""Laws of every solver of games; they are discovered, not listed."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import lookup

SOLVERS = [
  name
  for name in lookup.members("games")
  if list(inspect.signature(lookup.find("games", name)).parameters)[:2]
  == ["players", "optimizers"]
]


def _player(own, other, sign):
  """`|own|^2 / 2 + sign <own, M other>`, and a noise that args carry."""

  def loss(params, matrix, noise):
    a, b = params[own]["w"], params[other]["w"]
    coupling = a @ matrix @ b if sign > 0 else -(b @ matrix @ a)
    value = 0.5 * jnp.sum(a**2) + coupling + jnp.vdot(noise[: a.size], a)
    return value, {"loss": value}

  return loss


# Three parameters against two: nothing may rest on a square game.
PLAYERS = {"min": _player("min", "max", 1), "max": _player("max", "min", -1)}
OPTIMIZERS = {"min": optax.adam(0.05), "max": optax.sgd(0.1, momentum=0.5)}


def _params(scale=1.0):
  return {
    "min": {"w": scale * jnp.array([1.0, -1.0, 0.5])},
    "max": {"w": scale * jnp.array([2.0, 0.3])},
  }


def _args(scale=1.0):
  return scale * jnp.arange(6.0).reshape(3, 2) / 6, jnp.full(3, 0.1 * scale)


@functools.cache
def _compiled(name):
  """(solver, jitted step, the list that a trace adds to)."""
  solver, traces = lookup.find("games", name)(PLAYERS, OPTIMIZERS), []

  @jax.jit
  def step(state, *args):
    traces.append(1)
    return solver.step(state, *args)

  return solver, step, traces


def _equal(a, b):
  return jax.tree.all(jax.tree.map(lambda u, v: bool((u == v).all()), a, b))


def test_solvers_are_found():
  assert {"simultaneous", "alternating", "extragradient"} <= set(SOLVERS)


@pytest.mark.parametrize("name", SOLVERS)
class TestSolver:
  def test_is_pure(self, name):
    solver, step, _ = _compiled(name)
    params = _params()
    state = solver.init(params)
    first = step(state, *_args())
    assert _equal(first, step(state, *_args()))
    assert _equal(state, solver.init(_params()))
    assert _equal(params, _params())

  def test_new_parameters_and_args_do_not_recompile(self, name):
    solver, step, traces = _compiled(name)
    before = len(traces)
    state = solver.init(_params())
    for scale in (1.0, 2.0, 3.0):
      state, _ = step(state, *_args(scale))
    step(solver.init(_params(5.0)), *_args())
    # One, or none after another test, unless programs were dropped in between.
    assert len(traces) - before <= 1

  def test_a_step_keeps_structure_shapes_and_dtypes(self, name):
    solver, step, _ = _compiled(name)
    state = solver.init(_params())
    after, _ = step(state, *_args())
    assert jax.tree.structure(after) == jax.tree.structure(state)
    pairs = zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True)
    for before, now in pairs:
      assert (now.shape, now.dtype) == (before.shape, before.dtype)
    for leaf in jax.tree.leaves(after.params):
      assert leaf.dtype == jnp.float32

  def test_steps_in_a_scan_are_steps_in_a_loop(self, name):
    solver, step, _ = _compiled(name)
    state = solver.init(_params())
    scanned, aux = jax.jit(
      lambda s: jax.lax.scan(lambda s, _: solver.step(s, *_args()), s, length=3)
    )(state)
    for _ in range(3):
      state, last = step(state, *_args())
    for a, b in zip(
      jax.tree.leaves((scanned, jax.tree.map(lambda t: t[-1], aux))),
      jax.tree.leaves((state, last)),
      strict=True,
    ):
      np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)

  def test_aux_is_of_every_player(self, name):
    solver, step, _ = _compiled(name)
    _, aux = step(solver.init(_params()), *_args())
    assert {player: set(a) for player, a in aux.items()} == {
      "min": {"loss"},
      "max": {"loss"},
    }

  def test_bfloat16_parameters_keep_their_dtype(self, name):
    solver, _, _ = _compiled(name)
    low = jax.tree.map(lambda t: t.astype(jnp.bfloat16), (_params(), _args()))
    state = solver.init(low[0])
    after, _ = jax.eval_shape(solver.step, state, *low[1])
    for leaf in jax.tree.leaves(after.params):
      assert leaf.dtype == jnp.bfloat16

  def test_names_that_differ_are_refused(self, name):
    make = lookup.find("games", name)
    with pytest.raises(ValueError, match=r"optimizers of \['min'\]: expected"):
      make(PLAYERS, {"min": optax.sgd(0.1)})
    with pytest.raises(ValueError, match=r"params of \['max'\]: expected"):
      make(PLAYERS, OPTIMIZERS).init({"max": {"w": jnp.ones(2)}})
