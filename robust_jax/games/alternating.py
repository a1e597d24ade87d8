"""Alternating gradient descent-ascent."""

from collections.abc import Callable, Mapping
from typing import Any

import jax

from robust_jax import checks
from robust_jax.games.player_step import player_step
from robust_jax.games.players import (
  GameState,
  Losses,
  Optimizers,
  Reduce,
  Solver,
  identity,
  initializer,
  same_names,
  stacked,
)
from robust_jax.types import PyTree


def alternating(
  players: Losses,
  optimizers: Optimizers,
  *,
  counts: Mapping[str, int] | None = None,
  reduce: Reduce = identity,
) -> Solver:
  """Alternating descent: players move one after another, k times each.

  Each move sees the moves before it. Without `counts` each player moves once,
  all on the same args. With `counts` each move has its own args: every leaf
  leads with the sum of the counts, of which the first player takes the first
  `counts[first]`, and so on. For example 5 steps of a critic to one of a
  generator, `{"critic": 5, "generator": 1}`, take 6 batches (and 6 keys) per
  step, and their aux is stacked, `[5, ...]` and `[1, ...]`.

  Args:
    players: the loss of each player, by name, in order of moving.
    optimizers: the optimizer of each player, by the same names.
    counts: number of moves of each player in one step, static; None for one
      each.
    reduce: applied to gradients, such as the mean over devices.

  Raises:
    ValueError: the names differ, or a count is not a positive integer. The step
      raises it if args do not lead with the sum of the counts.

  Source: Goodfellow et al. 2014, "Generative Adversarial Nets", algorithm 1 (k
  steps of D to one of G).

  Example:
    >>> import jax, optax
    >>> from robust_jax import games
    >>> players = {  # min over x, max over y of x y
    ...   "x": lambda p: (p["x"] * p["y"], None),
    ...   "y": lambda p: (-p["x"] * p["y"], None),
    ... }
    >>> optimizers = dict.fromkeys(players, optax.sgd(0.1))
    >>> solver = games.alternating(players, optimizers)
    >>> state, aux = jax.jit(solver.step)(solver.init({"x": 1.0, "y": 1.0}))
    >>> [round(state.params[name].item(), 3) for name in "xy"]
    [0.9, 1.09]
  """
  init = initializer(players, optimizers)
  moves = {
    name: player_step(name, loss, optimizers[name], reduce=reduce)
    for name, loss in players.items()
  }
  if counts is None:
    return Solver(init, _one_each(moves))
  same_names("counts", counts, players)
  for name, count in counts.items():
    checks.at_least_one(f"counts['{name}']", count)
  return Solver(init, _several_each(moves, counts), sum(counts.values()))


def _one_each(moves: Mapping[str, Callable]) -> Callable:
  def step(state: GameState, *args: Any):
    aux = {}
    for name, move in moves.items():
      state, aux[name] = move(state, *args)
    return state, aux

  return step


def _several_each(
  moves: Mapping[str, Callable], counts: Mapping[str, int]
) -> Callable:
  def step(state: GameState, *args: Any):
    stacked(args, sum(counts.values()), "one for each move of each player")
    aux, start = {}, 0
    for name, move in moves.items():
      own = _rows(args, start, counts[name])
      state, aux[name] = _repeat(move, counts[name], state, own)
      start += counts[name]
    return state, aux

  return step


def _rows(args: PyTree, start: int, count: int) -> PyTree:
  return jax.tree.map(lambda leaf: leaf[start : start + count], args)


def _repeat(move: Callable, count: int, state: GameState, args: tuple):
  # The length is passed because there may be no args.
  return jax.lax.scan(lambda s, a: move(s, *a), state, args, length=count)
