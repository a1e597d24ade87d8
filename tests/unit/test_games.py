"""Solvers against closed forms: on linear fields a method is a matrix."""

import inspect

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from robust_jax import games, lookup, parallel
from robust_jax.games.player_step import player_step
from robust_jax.games.set_schedule_step import set_schedule_step

STEP, STEPS = 0.1, 500
SOLVERS = [
  name
  for name in lookup.members("games")
  if list(inspect.signature(lookup.find("games", name)).parameters)[:2]
  == ["players", "optimizers"]
]
# The field of min_x max_y xy is A z; I is the identity, 0 the zero matrix.
A = np.array([[0.0, 1.0], [-1.0, 0.0]])
I, O = np.eye(2), np.zeros((2, 2))  # noqa: E741


def _bilinear(sign):
  return lambda params: (sign * params["x"] * params["y"], ())


BILINEAR = {"x": _bilinear(1), "y": _bilinear(-1)}


def _rates(players, optimizer):
  return {name: optimizer for name in players}


def _run(solver, params, num_steps, *args):
  @jax.jit
  def run(state, args):
    def body(state, _):
      return solver.step(state, *args)[0], ()

    return jax.lax.scan(body, state, length=num_steps)[0]

  return run(solver.init(params), args).params


def _assert_close(a, b, **tolerance):
  assert jax.tree.structure(a) == jax.tree.structure(b)
  for u, v in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
    np.testing.assert_allclose(u, v, **tolerance)


# Methods with a memory are matrices on (z, previous update u): past moves to
# z + u' with u' = -h A (z + u); optimistic to z + 2 u' - u with u' = -h A z,
# but for its first step, after which they are at the same place.
H = STEP
ITERATIONS = {
  "simultaneous": (I - H * A, I),
  "alternating": (np.array([[1, -H], [H, 1 - H * H]]), I),
  "extragradient": (I - H * A + H * H * A @ A, I),
  "consensus": ((1 - H) * I - H * A, I),
  "past_extragradient": (
    np.block([[I - H * A, -H * A], [-H * A, -H * A]]),
    np.vstack([I, O]),
  ),
  "optimistic": (
    np.block([[I - 2 * H * A, -I], [-H * A, O]]),
    np.vstack([I, O]),
  ),
}


def _closed_form(name):
  matrix, start = ITERATIONS[name]
  z, num_steps = start @ np.ones(2), STEPS
  if name == "optimistic":
    plain = np.block([[I - H * A, O], [-H * A, O]])
    z, num_steps = plain @ z, STEPS - 1
  return (np.linalg.matrix_power(matrix, num_steps) @ z)[:2]


@pytest.mark.parametrize(
  ("name", "length"),
  [
    ("simultaneous", 17.0),
    ("alternating", 1.41),
    ("extragradient", 0.118),
    ("past_extragradient", 0.113),
    ("optimistic", 0.113),
    ("consensus", 0.0),
  ],
)
def test_the_bilinear_game_ends_where_the_matrix_says(name, length):
  solver = lookup.find("games", name)(
    BILINEAR, _rates(BILINEAR, optax.sgd(STEP))
  )
  params = {"x": jnp.array(1.0), "y": jnp.array(1.0)}
  end = _run(solver, params, STEPS)
  z, expected = np.array([end["x"], end["y"]]), _closed_form(name)
  np.testing.assert_allclose(z, expected, rtol=2e-4, atol=1e-6)
  np.testing.assert_allclose(
    np.linalg.norm(expected), length, rtol=0.01, atol=1e-6
  )


# A game of three, of 1, 2 and 3 parameters: i's loss is half its own square,
# its couplings to the others, and what args pull it by. Couplings of a zero sum
# in each pair make the field monotone.
SIZES = {"a": 1, "b": 2, "c": 3}


def _couplings():
  keys = jax.random.split(jax.random.key(0), 3)
  pairs = [("a", "b"), ("a", "c"), ("b", "c")]
  forward = {
    (i, j): jax.random.normal(k, (SIZES[i], SIZES[j]))
    for k, (i, j) in zip(keys, pairs, strict=True)
  }
  return forward | {(j, i): -m.T for (i, j), m in forward.items()}


COUPLINGS = _couplings()


def _three(name):
  def loss(params, pull):
    own = params[name]["w"]
    pairs = sum(
      own @ COUPLINGS[name, other] @ params[other]["w"]
      for other in SIZES
      if other != name
    )
    return own @ own / 2 + pairs + pull[name] @ own, own

  return loss


THREE = {name: _three(name) for name in SIZES}
PULL = {name: jnp.arange(1.0, 1.0 + size) for name, size in SIZES.items()}


def _ones():
  return {name: {"w": jnp.ones(size)} for name, size in SIZES.items()}


def _as_vector(params):
  return np.concatenate([params[n]["w"] for n in SIZES]).astype(np.float64)


def _field_of_three():
  """(matrix, offset) of the linear field, float64."""
  rows = [
    [np.eye(SIZES[i]) if i == j else COUPLINGS[i, j] for j in SIZES]
    for i in SIZES
  ]
  matrix = np.block(rows).astype(np.float64)
  return matrix, np.concatenate([PULL[name] for name in SIZES])


def test_three_players_step_by_the_blocks_of_one_field():
  solver = games.simultaneous(THREE, _rates(THREE, optax.sgd(0.1)))
  state, aux = jax.jit(solver.step)(solver.init(_ones()), PULL)
  matrix, offset = _field_of_three()
  expected = 1 - 0.1 * (matrix @ np.ones(6) + offset)
  np.testing.assert_allclose(_as_vector(state.params), expected, rtol=1e-5)
  assert jax.tree.map(jnp.shape, aux) == {n: (s,) for n, s in SIZES.items()}


def test_consensus_adds_the_gradient_of_half_the_square_of_the_field():
  gamma = 0.7
  solver = games.consensus(THREE, _rates(THREE, optax.sgd(0.1)), gamma=gamma)
  state, _ = jax.jit(solver.step)(solver.init(_ones()), PULL)
  matrix, offset = _field_of_three()
  v = matrix @ np.ones(6) + offset
  expected = 1 - 0.1 * (v + gamma * matrix.T @ v)
  np.testing.assert_allclose(
    _as_vector(state.params), expected, rtol=1e-5, atol=1e-5
  )


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", SOLVERS)
def test_the_equilibrium_of_a_strongly_monotone_game_is_reached(
  name, optimizer
):
  # Adam's steps do not shrink by themselves, extragradient counts two a step,
  # and the usual momentum of 0.9 drives a rotating game outward.
  period = 100 if name == "extragradient" else 50
  decay = optax.exponential_decay(0.1, period, 0.8)
  method = {"sgd": optax.sgd(0.05), "adam": optax.adam(decay, b1=0.5)}
  optimizers = _rates(THREE, method[optimizer])
  solver = lookup.find("games", name)(THREE, optimizers)
  end = _as_vector(_run(solver, _ones(), 1500, PULL))
  matrix, offset = _field_of_three()
  np.testing.assert_allclose(end, np.linalg.solve(matrix, -offset), atol=1e-3)


def _hand_written(name, optimizer, state, params, pull):
  def loss(own):
    return THREE[name]({**params, name: own}, pull)[0]

  update, state = optimizer.update(
    jax.grad(loss)(params[name]), state, params[name]
  )
  return state, {**params, name: optax.apply_updates(params[name], update)}


def test_alternating_k_to_1_is_k_steps_of_optax_and_then_one():
  counts = {"a": 3, "b": 1, "c": 2}
  optimizers = {
    "a": optax.adam(0.1),
    "b": optax.sgd(0.1, momentum=0.9),
    "c": optax.adamw(0.1),
  }
  noise = jax.random.normal(jax.random.key(1), (6, 1))
  pulls = {name: noise * PULL[name] for name in SIZES}
  solver = games.alternating(THREE, optimizers, counts=counts)
  state, aux = jax.jit(solver.step)(solver.init(_ones()), pulls)

  params, row = _ones(), 0
  for name, optimizer in optimizers.items():
    opt_state = optimizer.init(params[name])
    for _ in range(counts[name]):
      pull = {other: pulls[other][row] for other in SIZES}
      opt_state, params = _hand_written(
        name, optimizer, opt_state, params, pull
      )
      row += 1
    _assert_close(state.opt_state[name], opt_state, rtol=1e-4, atol=1e-6)
  _assert_close(state.params, params, rtol=1e-4, atol=1e-6)
  assert {n: a.shape for n, a in aux.items()} == {
    n: (counts[n], SIZES[n]) for n in SIZES
  }


def test_each_move_of_alternating_gets_a_key_of_its_own():
  def noisy(name):
    def loss(params, key):
      return params[name], jax.random.normal(key)

    return loss

  players = {"d": noisy("d"), "g": noisy("g")}
  solver = games.alternating(
    players, _rates(players, optax.sgd(0.1)), counts={"d": 2, "g": 1}
  )
  keys = jax.random.split(jax.random.key(0), 3)
  state = solver.init({"d": jnp.array(0.0), "g": jnp.array(0.0)})
  state, aux = jax.jit(solver.step)(state, keys)
  drawn = jax.vmap(jax.random.normal)(keys)
  _assert_close(aux, {"d": drawn[:2], "g": drawn[2:]}, rtol=1e-6)
  np.testing.assert_allclose(state.params["d"], -0.2, rtol=1e-6)
  np.testing.assert_allclose(state.params["g"], -0.1, rtol=1e-6)


def test_turns_in_a_scan_hand_on_what_a_loss_returns():
  # As running statistics of a critic are, from each of its moves to the next.
  def loss(params, average, x):
    return params["d"] * x, 0.5 * average + 0.5 * x

  optimizer = optax.sgd(0.1)
  move = player_step("d", loss, optimizer)
  init = games.alternating({"d": loss}, {"d": optimizer}).init

  @jax.jit
  def critic(state, average, xs):
    body = lambda carry, x: (move(*carry, x), None)
    return jax.lax.scan(body, (state, average), xs)[0]

  xs = jnp.array([1.0, 2.0, 3.0])
  state, average = critic(init({"d": jnp.array(0.0)}), jnp.array(0.0), xs)
  np.testing.assert_allclose(state.params["d"], -0.6, rtol=1e-6)
  np.testing.assert_allclose(average, 0.125 + 0.5 + 1.5, rtol=1e-6)


def test_players_without_args_may_move_several_times():
  solver = games.alternating(
    BILINEAR, _rates(BILINEAR, optax.sgd(0.5)), counts={"x": 2, "y": 1}
  )
  params = {"x": jnp.array(1.0), "y": jnp.array(1.0)}
  state, _ = jax.jit(solver.step)(solver.init(params))
  # x: 1 -> 0.5 -> 0; then y gains 0.5 x = 0.
  _assert_close(state.params, {"x": 0.0, "y": 1.0}, atol=1e-6)


@pytest.mark.parametrize("fresh", [False, True])
def test_extragradient_advances_adam_at_both_points(fresh):
  optimizers = _rates(THREE, optax.adamw(0.1, weight_decay=0.5))
  solver = games.extragradient(THREE, optimizers, fresh=fresh)
  second = {name: -2 * pull for name, pull in PULL.items()} if fresh else PULL
  args = PULL
  if fresh:
    args = jax.tree.map(lambda a, b: jnp.stack([a, b]), PULL, second)
  state, aux = jax.jit(solver.step)(solver.init(_ones()), args)

  start, ahead, end, opt_states = _ones(), {}, {}, {}
  for name, optimizer in optimizers.items():
    opt_states[name], moved = _hand_written(
      name, optimizer, optimizer.init(start[name]), start, PULL
    )
    ahead[name] = moved[name]
  for name, optimizer in optimizers.items():
    own = jax.grad(
      lambda w, name=name: THREE[name]({**ahead, name: w}, second)[0]
    )(ahead[name])
    update, opt_states[name] = optimizer.update(
      own, opt_states[name], start[name]
    )
    end[name] = optax.apply_updates(start[name], update)
  _assert_close(state.params, end, rtol=1e-4, atol=1e-6)
  _assert_close(state.opt_state, opt_states, rtol=1e-4, atol=1e-6)
  # What is reported was before the step.
  _assert_close(aux, {name: start[name]["w"] for name in SIZES})


def _valley(params):
  w = params["w"]
  return jnp.sum((w - 1) ** 2 * jnp.array([1.0, 3.0])), ()


@pytest.mark.parametrize(
  ("name", "options", "method", "plain"),
  [
    ("simultaneous", {}, optax.adam(0.1), optax.adam(0.1)),
    ("alternating", {}, optax.adam(0.1), optax.adam(0.1)),
    ("alternating", {"counts": {"w": 1}}, optax.adam(0.1), optax.adam(0.1)),
    ("consensus", {"gamma": 0.0}, optax.adam(0.1), optax.adam(0.1)),
    (
      "optimistic",
      {},
      optax.sgd(0.05),
      optax.optimistic_gradient_descent(0.05),
    ),
  ],
)
def test_a_game_of_one_is_plain_optax(name, options, method, plain):
  solver = lookup.find("games", name)({"w": _valley}, {"w": method}, **options)
  found = _run(solver, {"w": jnp.array([3.0, -2.0])}, 7)

  @jax.jit
  def step(w, state):
    grad = jax.grad(lambda w: _valley({"w": w})[0])(w)
    update, state = plain.update(grad, state, w)
    return optax.apply_updates(w, update), state

  w = jnp.array([3.0, -2.0])
  state = plain.init(w)
  for _ in range(7):
    w, state = step(w, state)
  np.testing.assert_allclose(found["w"], w, rtol=1e-5)


def test_on_a_linear_field_the_past_is_optimism():
  optimizers = _rates(THREE, optax.sgd(0.05))
  ends = [
    _run(method(THREE, optimizers), _ones(), 20, PULL)
    for method in (games.past_extragradient, games.optimistic)
  ]
  _assert_close(*ends, rtol=1e-4, atol=1e-6)


def _mean_player(own, other, sign):
  def loss(params, x):
    # Not quadratic, and not linear in the batch: shards' fields differ.
    value = jnp.sin(x * params[own] * params[other]) + x * params[own] ** 2
    return sign * value.mean(), ()

  return loss


@pytest.mark.parametrize("name", SOLVERS)
def test_reduced_gradients_of_shards_are_those_of_the_batch(name):
  players = {"x": _mean_player("x", "y", 1), "y": _mean_player("y", "x", -1)}
  optimizers = _rates(players, optax.sgd(0.1))
  params = {"x": jnp.array(0.4), "y": jnp.array(-0.7)}
  batch = jnp.linspace(0.1, 2.0, 8)
  make = lookup.find("games", name)

  def two_steps(solver, x):
    state = solver.init(params)
    for _ in range(2):
      state, _ = solver.step(state, x)
    return state.params

  whole = two_steps(make(players, optimizers), batch)
  sharded = jax.vmap(
    lambda x: two_steps(make(players, optimizers, reduce=parallel.mean), x),
    axis_name=parallel.AXIS,
    out_axes=None,  # refused where shards disagree
  )(batch.reshape(4, 2))
  _assert_close(sharded, whole, rtol=1e-5)


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (
      lambda o: games.alternating(BILINEAR, o, counts={"x": 5}),
      r"counts of \['x'\]: expected one for each player, \['x', 'y'\]",
    ),
    (
      lambda o: games.alternating(BILINEAR, o, counts={"x": 5, "y": 0}),
      r"counts\['y'\] = 0: expected a whole number, 1 or more",
    ),
    (lambda o: games.consensus(BILINEAR, o, gamma=-1.0), "gamma = -1.0"),
  ],
)
def test_bad_options_are_refused(make, message):
  with pytest.raises(ValueError, match=message):
    make(_rates(BILINEAR, optax.sgd(0.1)))


@pytest.mark.parametrize(
  ("name", "options", "size"),
  [
    ("alternating", {"counts": {"a": 2, "b": 1, "c": 1}}, 4),
    ("extragradient", {"fresh": True}, 2),
  ],
)
def test_args_that_are_not_stacked_are_refused(name, options, size):
  solver = lookup.find("games", name)(
    THREE, _rates(THREE, optax.sgd(0.1)), **options
  )
  assert solver.num_args == size
  with pytest.raises(ValueError, match=f"expected {size} of them stacked"):
    solver.step(solver.init(_ones()), {"a": jnp.ones((3, 1))})


def test_a_schedule_is_set_to_the_step_and_nothing_else():
  """Adam's bias corrections count every update, its schedule the steps."""
  adam = optax.adam(lambda count: 0.1 / (1 + count))
  start = adam.init(jnp.ones(2))
  _, moved = adam.update(jnp.ones(2), start)
  moments, schedule = set_schedule_step({"player": moved}, 7)["player"]
  chex.assert_trees_all_equal(moments, moved[0])
  assert moments.count == 1
  assert schedule.count == 7
  assert schedule.count.dtype == moved[1].count.dtype
