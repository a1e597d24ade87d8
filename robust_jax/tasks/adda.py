"""Adversarial discriminative domain adaptation: a second encoder, fooled."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import parallel
from robust_jax.adaptation import dann
from robust_jax.adaptation.records import Alignment, View
from robust_jax.evaluators.adaptation import adaptation
from robust_jax.games import alternating
from robust_jax.games.player_step import player_step
from robust_jax.games.players import GameState, same_names
from robust_jax.games.set_schedule_step import set_schedule_step
from robust_jax.models.inference import DomainAdaptedModel, features_and_head
from robust_jax.tasks._example import Example, TinyNet, two_domains
from robust_jax.tasks._two_domains import (
  feature_layers,
  initialize,
  label_loss,
  one_domain,
  one_view,
)
from robust_jax.types import Batch, Key, PyTree, State, Task

PLAYERS = ("source", "adversary", "target")


def adda(
  model: nn.Module,
  optimizers: Mapping[str, optax.GradientTransformation],
  *,
  alignment: Alignment,
  num_steps: int,
  pretrained: float = 0.5,
  warm_up: float = 0.0,
  batch_norm: str = "none",
) -> Task:
  """A network for the source, then an encoder that makes the target look alike.

  In the first part of the run the network learns the source. Then it stands
  still: an adversary learns to tell its features from those of a second
  encoder, which starts as a copy, sees the target alone, and learns to have
  its features taken for the source's: of several sources, for each in turn.
  The head is the network's.

  Args:
    model: a classifier with `features` and `head`.
    optimizers: of "source" (the network), "adversary" and "target" (the second
      encoder). A schedule passes whole in its player's part of the run.
    alignment: an adversary, such as `adaptation.dann()`.
    num_steps: planned length of the run.
    pretrained: the fraction of it that the source is learned in.
    warm_up: the fraction, after that, in which the adversary learns alone: an
      encoder that meets an adversary which knows nothing is led astray.
    batch_norm: "none" where the model has none; else "separate", since each
      encoder has its own statistics.

  Returns:
    The task. `step` reports "loss" and "accuracy" on the source and, 0 before
    its time, what the alignment reports.

  Raises:
    ValueError: optimizers are not those of the three, pretrained and warm_up
      are no fractions that leave some of the run, the alignment is no
      adversary, or batch_norm is "joint".

  Source: Tzeng et al. 2017, "Adversarial discriminative domain adaptation",
  equations 7 to 9: labels are flipped, no gradient is reversed.
  """
  _check(optimizers, (pretrained, warm_up), alignment, batch_norm)
  evaluator = adaptation()
  # Player -> when its part of the run begins, and what fraction of it that is.
  parts = {
    "source": (0.0, pretrained),
    "adversary": (pretrained, 1 - pretrained),
    "target": (pretrained + warm_up, 1 - pretrained - warm_up),
  }

  def source_loss(params: PyTree, model_state, batch: Batch, key: Key):
    passed, state = one_domain(
      model, params["source"], model_state["source"], batch["source"]["x"], key
    )
    each, report = label_loss(passed.logits, batch)
    return each.mean(), (report, {**model_state, "source": state})

  def views(params: PyTree, model_state, batch: Batch, key: Key):
    """Of the source as the network has it, of the target as the encoder has."""
    network = features_and_head(
      model, {"params": params["source"], **model_state["source"]}
    )
    features = network.features(batch["source"]["x"])
    passed, state = one_domain(
      model,
      {**params["source"], **params["target"]},
      model_state["target"],
      batch["target"]["x"],
      key,
    )
    ones = jnp.ones(len(features))
    return (
      View(features, network.head(features), batch["source"]["domain"], ones),
      View(*passed, batch["target"]["domain"], ones),
      {**model_state, "target": state},
    )

  def adversary_loss(params: PyTree, model_state, batch: Batch, key: Key):
    key_model, key_adversary = jax.random.split(key)
    source, target, _ = views(params, model_state, batch, key_model)
    loss, report = alignment.loss(
      params["adversary"], source, target, key_adversary, parallel.gather
    )
    return loss, report | label_loss(source.logits, batch)[1]

  def target_loss(params: PyTree, model_state, batch: Batch, key: Key):
    key_model, key_adversary = jax.random.split(key)
    source, target, model_state = views(params, model_state, batch, key_model)
    # Half of the loss is the source's, a constant to this player.
    flipped = target._replace(domain=source.domain)
    loss, _ = alignment.loss(
      params["adversary"], source, flipped, key_adversary, parallel.gather
    )
    return loss, model_state

  learn = player_step(
    "source", source_loss, optimizers["source"], reduce=parallel.mean
  )
  meet = player_step(
    "adversary", adversary_loss, optimizers["adversary"], reduce=parallel.mean
  )
  play = alternating(
    {"adversary": adversary_loss, "target": target_loss},
    {name: optimizers[name] for name in ("adversary", "target")},
    reduce=parallel.mean,
  )

  def init(key: Key, batch: Batch) -> State:
    key_model, key_adversary = jax.random.split(key)
    params, model_state = initialize(model, batch_norm, key_model, batch)
    if batch_norm == "none":
      model_state = {"source": model_state, "target": model_state}
    view = one_view(model, "separate", params, model_state, batch)
    layers = feature_layers(model, batch)
    players = {
      "source": params,
      "adversary": alignment.init(key_adversary, view),
      "target": {name: jax.tree.map(jnp.copy, params[name]) for name in layers},
    }
    opt_state = {name: optimizers[name].init(players[name]) for name in PLAYERS}
    return State(jnp.zeros((), jnp.int32), players, model_state, opt_state)

  def adapt(game: GameState, model_state, batch: Batch, key: Key):
    game, aux = play.step(game, model_state, batch, key)
    return game, aux["target"], aux["adversary"]

  def pretrain(game: GameState, model_state, batch: Batch, key: Key):
    # Shapes alone: the adversary has nothing to report yet.
    later = jax.eval_shape(adapt, game, model_state, batch, key)[2]
    game, (report, model_state) = learn(game, model_state, batch, key)
    params = game.params
    encoder = {name: params["source"][name] for name in params["target"]}
    return (
      game._replace(params={**params, "target": encoder}),
      {**model_state, "target": model_state["source"]},
      {name: (jnp.zeros(()), jnp.ones(())) for name in later} | report,
    )

  def acquaint(game: GameState, model_state, batch: Batch, key: Key):
    game, report = meet(game, model_state, batch, key)
    return game, model_state, report

  def scheduled(opt_state, step):
    """Each player's schedules where its own part of the run is."""
    return {
      name: set_schedule_step(
        opt_state[name], jnp.maximum(step - start * num_steps, 0) / fraction
      )
      for name, (start, fraction) in parts.items()
    }

  def step(state: State, batch: Batch, key: Key):
    begun = {n: state.step >= at * num_steps for n, (at, _) in parts.items()}
    game, model_state, report = jax.lax.switch(
      begun["adversary"].astype(jnp.int32) + begun["target"],
      (pretrain, acquaint, adapt),
      GameState(state.params, scheduled(state.opt_state, state.step)),
      state.model_state,
      batch,
      key,
    )
    return State(
      step=state.step + 1,
      params=game.params,
      model_state=parallel.mean(model_state),
      opt_state=game.opt_state,
    ), parallel.total(report)

  def deployed(state: State) -> DomainAdaptedModel:
    first = {"params": state.params["source"], **state.model_state["source"]}
    return DomainAdaptedModel(
      features_and_head(model, first),
      features_and_head(model, variables(state)),
    )

  def variables(state: State) -> PyTree:
    """The network with the encoder of the target."""
    params = {**state.params["source"], **state.params["target"]}
    return {"params": params, **state.model_state["target"]}

  def evaluate(state: State, batch: Batch, key: Key):
    return evaluator.measure(deployed(state), batch, key)

  return Task(init, step, evaluate, deployed, variables, evaluator.summarize)


def example() -> Example:
  """A tiny instance, for the tests of all tasks."""
  task = adda(
    TinyNet(),
    dict.fromkeys(PLAYERS, optax.sgd(0.1)),
    alignment=dann(hidden=(4,)),
    num_steps=2,
    batch_norm="separate",
  )
  return Example(task, two_domains())


def _check(optimizers, fractions, alignment, batch_norm):
  same_names("optimizers", optimizers, PLAYERS)
  pretrained, warm_up = fractions
  if not (pretrained > 0 and warm_up >= 0 and pretrained + warm_up < 1):
    raise ValueError(
      f"pretrained = {pretrained} and warm_up = {warm_up}: expected fractions "
      "of the run, the first above 0, that leave some of it."
    )
  if not alignment.adversarial:
    raise ValueError(
      "the alignment has no adversary: expected one to fool, such as dann."
    )
  if batch_norm == "joint":
    raise ValueError(
      "batch_norm = 'joint': expected 'separate' (or 'none'), as each of the "
      "two encoders has statistics of its own."
    )
