"""Phases of a run of ADDA: pretraining, warm-up and adaptation."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import parallel
from robust_jax.adaptation.records import View
from robust_jax.games import alternating
from robust_jax.games.player_step import player_step
from robust_jax.games.players import GameState
from robust_jax.models.inference import features_and_head
from robust_jax.tasks._two_domains import forward_one, label_loss
from robust_jax.types import Array, Batch, Key, Metrics, PyTree


class Problem(NamedTuple):
  """Constants of the losses of all players; see `tasks.adda`."""

  model: nn.Module
  alignment_loss: Callable[..., tuple[Array, Metrics]]


def make_phases(
  problem: Problem, optimizers: Mapping[str, optax.GradientTransformation]
) -> tuple[Callable, Callable, Callable]:
  """Makes the steps of the three phases: pretraining, warm-up, adaptation.

  Each is `(game, model_state, batch, key) -> (game, model_state, metrics)`.
  """
  source_loss, adversary_loss, target_loss = (
    functools.partial(loss, problem)
    for loss in (_source_loss, _adversary_loss, _target_loss)
  )
  train_source = player_step(
    "source", source_loss, optimizers["source"], reduce=parallel.mean
  )
  train_adversary = player_step(
    "adversary", adversary_loss, optimizers["adversary"], reduce=parallel.mean
  )
  play = alternating(
    {"adversary": adversary_loss, "target": target_loss},
    {name: optimizers[name] for name in ("adversary", "target")},
    reduce=parallel.mean,
  )

  def adapt(game: GameState, model_state, batch: Batch, key: Key):
    game, aux = play.step(game, model_state, batch, key)
    return game, aux["target"], aux["adversary"]

  def pretrain(game: GameState, model_state, batch: Batch, key: Key):
    # Metrics of the adversary are 0 as yet; only their shapes are needed.
    later = jax.eval_shape(adapt, game, model_state, batch, key)[2]
    game, (report, model_state) = train_source(game, model_state, batch, key)
    params = game.params
    encoder = {name: params["source"][name] for name in params["target"]}
    return (
      game._replace(params={**params, "target": encoder}),
      {**model_state, "target": model_state["source"]},
      {name: (jnp.zeros(()), jnp.ones(())) for name in later} | report,
    )

  def warm_up(game: GameState, model_state, batch: Batch, key: Key):
    game, report = train_adversary(game, model_state, batch, key)
    return game, model_state, report

  return pretrain, warm_up, adapt


def _source_loss(
  problem: Problem, params: PyTree, model_state, batch: Batch, key: Key
):
  outputs, state = forward_one(
    problem.model,
    params["source"],
    model_state["source"],
    batch["source"]["x"],
    key,
  )
  each, report = label_loss(outputs.logits, batch)
  return each.mean(), (report, {**model_state, "source": state})


def _adversary_loss(
  problem: Problem, params: PyTree, model_state, batch: Batch, key: Key
):
  key_model, key_adversary = jax.random.split(key)
  source, target, _ = _views(problem, params, model_state, batch, key_model)
  loss, report = problem.alignment_loss(
    params["adversary"], source, target, key_adversary, parallel.gather
  )
  return loss, report | label_loss(source.logits, batch)[1]


def _target_loss(
  problem: Problem, params: PyTree, model_state, batch: Batch, key: Key
):
  key_model, key_adversary = jax.random.split(key)
  source, target, model_state = _views(
    problem, params, model_state, batch, key_model
  )
  # The source's half of the loss is constant for this player.
  flipped = target._replace(domain=source.domain)
  loss, _ = problem.alignment_loss(
    params["adversary"], source, flipped, key_adversary, parallel.gather
  )
  return loss, model_state


def _views(
  problem: Problem, params: PyTree, model_state, batch: Batch, key: Key
) -> tuple[View, View, PyTree]:
  """Views of the source by the network, of the target by the encoder."""
  network = features_and_head(
    problem.model, {"params": params["source"], **model_state["source"]}
  )
  features = network.features(batch["source"]["x"])
  outputs, state = forward_one(
    problem.model,
    {**params["source"], **params["target"]},
    model_state["target"],
    batch["target"]["x"],
    key,
  )
  ones = jnp.ones(len(features))
  return (
    View(features, network.head(features), batch["source"]["domain"], ones),
    View(*outputs, batch["target"]["domain"], ones),
    {**model_state, "target": state},
  )
