"""Adversarial discriminative domain adaptation (ADDA)."""

from collections.abc import Callable, Mapping
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import parallel
from robust_jax.adaptation import dann
from robust_jax.adaptation.records import Alignment
from robust_jax.evaluators.adaptation import adaptation
from robust_jax.games.players import GameState, same_names
from robust_jax.games.set_schedule_step import set_schedule_step
from robust_jax.models.inference import DomainAdaptedModel, features_and_head
from robust_jax.tasks._adda_phases import Problem, make_phases
from robust_jax.tasks._example import Example, TinyNet, example_domains
from robust_jax.tasks._state import (
  evaluate_deployed,
  game_state,
  initial_state,
  next_state,
)
from robust_jax.tasks._two_domains import (
  example_view,
  feature_layers,
  initialize,
)
from robust_jax.types import Array, Batch, Key, PyTree, State, Task

PLAYERS = ("source", "adversary", "target")


def adda(
  model: nn.Module,
  optimizers: Mapping[str, optax.GradientTransformation],
  *,
  alignment: Alignment,
  num_steps: int,
  pretrained_fraction: float = 0.5,
  warm_up_fraction: float = 0.0,
  batch_norm: str = "none",
) -> Task:
  """Adversarial discriminative domain adaptation (ADDA).

  In the first part of the run the network is trained on the source, and then
  fixed. In the rest an adversary learns to tell its features from those of a
  second encoder on the target, which starts as a copy and learns to have its
  features classified as those of the source (of each in turn, if there are
  several). The head is that of the network.

  Args:
    model: a classifier with `features` and `head`.
    optimizers: the optimizers of "source" (the network), "adversary" and
      "target" (the second encoder). A schedule spans its player's part of the
      run.
    alignment: an adversary, such as `adaptation.dann()`.
    num_steps: planned length of the run.
    pretrained_fraction: fraction of the run in which the network is trained on
      the source.
    warm_up_fraction: fraction of the run, after that, in which the adversary
      learns alone. An encoder that starts against an untrained adversary is led
      astray.
    batch_norm: "none" for a model without BatchNorm, else "separate", because
      each encoder has its own statistics.

  Returns:
    The task. `step` reports "loss" and "accuracy" on the source, and the
    metrics of the alignment, which are 0 while the source is learned.

  Raises:
    ValueError: the optimizers are not those of the three players, the fractions
      leave nothing of the run, the alignment has no adversary, or batch_norm is
      "joint".

  Source: Tzeng et al. 2017, "Adversarial discriminative domain adaptation",
  equations 7 to 9: labels are flipped, no gradient is reversed.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import adaptation, tasks
    >>> from robust_jax.models import SmallCNN
    >>> players = ("source", "adversary", "target")
    >>> optimizers = dict.fromkeys(players, optax.sgd(0.1))
    >>> task = tasks.adda(
    ...   SmallCNN(), optimizers, alignment=adaptation.dann(), num_steps=10
    ... )
    >>> images = {"x": jnp.ones((8, 28, 28, 1)), "domain": jnp.zeros(8, int)}
    >>> batch = {"source": images, "target": images}
    >>> state = jax.eval_shape(task.init, jax.random.key(0), batch)
    >>> sorted(state.params["target"])  # the layers of the second encoder
    ['conv1', 'conv2', 'fc1']
  """
  pretrained, warm_up = pretrained_fraction, warm_up_fraction
  _check(optimizers, (pretrained, warm_up), alignment, batch_norm)
  evaluator = adaptation()
  # Player -> start and length of its part of the run, as fractions of the run.
  parts = {
    "source": (0.0, pretrained),
    "adversary": (pretrained, 1 - pretrained),
    "target": (pretrained + warm_up, 1 - pretrained - warm_up),
  }
  alignment_loss = cast(Callable, alignment.loss)  # an adversary has one
  phases = make_phases(Problem(model, alignment_loss), optimizers)

  def init(key: Key, batch: Batch) -> State:
    key_model, key_adversary = jax.random.split(key)
    params, model_state = initialize(model, batch_norm, key_model, batch)
    if batch_norm == "none":
      model_state = {"source": model_state, "target": model_state}
    view = example_view(model, "separate", params, model_state, batch)
    layers = feature_layers(model, batch)
    players = {
      "source": params,
      "adversary": alignment.init(key_adversary, view),
      "target": {name: jax.tree.map(jnp.copy, params[name]) for name in layers},
    }
    opt_state = {name: optimizers[name].init(players[name]) for name in PLAYERS}
    return initial_state(GameState(players, opt_state), model_state)

  def scheduled(game: GameState, step: Array) -> GameState:
    """Sets each player's schedule to the progress of its part of the run."""
    opt_state = {
      name: set_schedule_step(
        game.opt_state[name],
        jnp.maximum(step - start * num_steps, 0) / fraction,
      )
      for name, (start, fraction) in parts.items()
    }
    return game._replace(opt_state=opt_state)

  def step(state: State, batch: Batch, key: Key):
    started = {n: state.step >= at * num_steps for n, (at, _) in parts.items()}
    game, model_state, report = jax.lax.switch(
      started["adversary"].astype(jnp.int32) + started["target"],
      phases,
      scheduled(game_state(state), state.step),
      state.model_state,
      batch,
      key,
    )
    return next_state(state, game, model_state), parallel.total(report)

  def deployed(state: State) -> DomainAdaptedModel:
    network = {"params": state.params["source"], **state.model_state["source"]}
    return DomainAdaptedModel(
      features_and_head(model, network),
      features_and_head(model, variables(state)),
    )

  def variables(state: State) -> PyTree:
    """The variables of the network with the second encoder."""
    params = {**state.params["source"], **state.params["target"]}
    return {"params": params, **state.model_state["target"]}

  evaluate = evaluate_deployed(evaluator, deployed)
  return Task(init, step, evaluate, deployed, variables, evaluator.summarize)


def example() -> Example:
  """Makes a tiny instance, for the contract tests of all tasks."""
  task = adda(
    TinyNet(),
    dict.fromkeys(PLAYERS, optax.sgd(0.1)),
    alignment=dann(hidden=(4,)),
    num_steps=2,
    batch_norm="separate",
  )
  return Example(task, example_domains())


def _check(optimizers, fractions, alignment, batch_norm):
  same_names("optimizers", optimizers, PLAYERS)
  pretrained, warm_up = fractions
  if not (pretrained > 0 and warm_up >= 0 and pretrained + warm_up < 1):
    raise ValueError(
      f"pretrained_fraction = {pretrained} and warm_up_fraction = {warm_up}: "
      "expected fractions of the run, the first above 0, of a sum below 1."
    )
  if not alignment.adversarial:
    raise ValueError(
      "the alignment has no adversary: expected one that has, such as dann."
    )
  if batch_norm == "joint":
    raise ValueError(
      "batch_norm = 'joint': expected 'separate' (or 'none'), because each of "
      "the two encoders has its own statistics."
    )
