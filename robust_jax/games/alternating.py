"""Players move one after the other, each seeing the moves before its own."""

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


def alternating(
  players: Losses,
  optimizers: Optimizers,
  *,
  counts: Mapping[str, int] | None = None,
  reduce: Reduce = identity,
) -> Solver:
  """Players move in the order of `players`, k times each.

  Without `counts` each moves once, all on the same args. With `counts` each
  move has args of its own: every leaf leads with their sum, of which the
  first player takes the first `counts[first]`, and so on. So 5 steps of a
  critic to one of a generator, `{"critic": 5, "generator": 1}`, take 6 batches
  (and 6 keys) a step, and aux is stacked `[5, ...]` and `[1, ...]`.

  Args:
    players: the loss of each player, by name, in order of moving.
    optimizers: of each player, by the same names.
    counts: moves of each player in one step, static; None for one each.
    reduce: what is done to gradients, such as the mean over devices.

  Raises:
    ValueError: the names differ, or a count is not a whole number above 0; from
      the step, args that do not lead with the sum of counts.

  Source: Goodfellow et al. 2014, algorithm 1 (k steps of D to one of G).
  """
  init = initializer(players, optimizers)
  if counts is not None:
    same_names("counts", counts, players)
    for name, count in counts.items():
      checks.at_least_one(f"counts['{name}']", count)
  turns = {
    name: player_step(name, loss, optimizers[name], reduce=reduce)
    for name, loss in players.items()
  }

  def one_each(state: GameState, *args: Any):
    aux = {}
    for name, move in turns.items():
      state, aux[name] = move(state, *args)
    return state, aux

  def several_each(state: GameState, *args: Any):
    stacked(args, sum(counts.values()), "one for each move of each player")
    aux, start = {}, 0
    for name, move in turns.items():
      own = _rows(args, start, counts[name])
      state, aux[name] = _repeat(move, counts[name], state, own)
      start += counts[name]
    return state, aux

  return Solver(init, one_each if counts is None else several_each)


def _rows(args, start: int, count: int):
  return jax.tree.map(lambda leaf: leaf[start : start + count], args)


def _repeat(move: Callable, count: int, state: GameState, args: tuple):
  # The length is given because there may be no args.
  return jax.lax.scan(lambda s, a: move(s, *a), state, args, length=count)
