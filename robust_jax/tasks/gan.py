"""Generative adversarial network (GAN), with the non-saturating loss."""

from collections.abc import Mapping
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, metrics, parallel
from robust_jax.games import alternating
from robust_jax.games.players import same_names
from robust_jax.models.gan.vectors import VectorDiscriminator, VectorGenerator
from robust_jax.models.inference import Generator, inference_fn
from robust_jax.tasks._example import Example
from robust_jax.tasks._state import game_state, initial_state, next_state
from robust_jax.types import Array, Batch, Key, PyTree, State, Task

PLAYERS = ("discriminator", "generator")


def gan(
  models: Mapping[str, nn.Module],
  optimizers: Mapping[str, optax.GradientTransformation],
  *,
  latent_size: int,
) -> Task:
  """Generative adversarial network (GAN), with the non-saturating loss.

      discriminator: minimize  E softplus(-D(x)) + E softplus(D(G(z)))
      generator:     minimize  E softplus(-D(G(z)))

  where z is standard normal and D returns a logit. A step is a move of the
  discriminator, then one of the generator against the updated discriminator,
  each on its own latents. If G generates the distribution of the data, the best
  D is 0 everywhere and the losses are 2 log 2 and log 2.

  Args:
    models: the "generator", z `[B, Z]` -> x, and the "discriminator",
      x -> logits `[B]`. Both have parameters only, no BatchNorm.
    optimizers: the optimizers of both players, by the same names.
    latent_size: Z.

  Returns:
    The task. `step` reports "loss", that of the generator, and
    "discriminator_loss", at each move; `evaluate` reports both on held-out
    data, and "real" and "generated", the fractions of each that D classifies as
    real. `deployed` is a `models.inference.Generator`.

  Raises:
    ValueError: models or optimizers are not those of the two players, or
      latent_size is below 1. `init` raises it if a model has variables other
      than parameters.

  Source: Goodfellow et al. 2014, "Generative adversarial networks", algorithm 1
  with k = 1, and section 3 for the generator's loss.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import models, tasks
    >>> players = {
    ...   "generator": models.VectorGenerator(num_features=2),
    ...   "discriminator": models.VectorDiscriminator(),
    ... }
    >>> optimizers = dict.fromkeys(players, optax.adam(1e-3))
    >>> task = tasks.gan(players, optimizers, latent_size=4)
    >>> batch = {"x": jnp.ones((8, 2)), "mask": jnp.ones(8)}
    >>> state = jax.eval_shape(task.init, jax.random.key(0), batch)
    >>> sorted(state.params)
    ['discriminator', 'generator']
  """
  same_names("models", models, PLAYERS)
  same_names("optimizers", optimizers, PLAYERS)
  checks.at_least_one("latent_size", latent_size)

  def generated(params: PyTree, key: Key, like: Array) -> Array:
    z = jax.random.normal(key, (len(like), latent_size))
    return _apply(models["generator"], params["generator"], z)

  def logits(params: PyTree, x: Array) -> Array:
    return _apply(models["discriminator"], params["discriminator"], x)

  def discriminator_loss(params: PyTree, x: Array, keys: Array):
    real = logits(params, x)
    fake = logits(params, generated(params, keys[0], x))
    each = jax.nn.softplus(-real) + jax.nn.softplus(fake)
    return each.mean(), each

  def generator_loss(params: PyTree, x: Array, keys: Array):
    fake = logits(params, generated(params, keys[1], x))
    each = jax.nn.softplus(-fake)
    return each.mean(), each

  losses = {"discriminator": discriminator_loss, "generator": generator_loss}
  play = alternating(losses, optimizers, reduce=parallel.mean)

  def init(key: Key, batch: Batch) -> State:
    keys = dict(zip(PLAYERS, jax.random.split(key), strict=True))
    inputs = {
      "discriminator": batch["x"][:1],
      "generator": jnp.zeros((1, latent_size)),
    }
    variables = {
      name: dict(models[name].init(keys[name], inputs[name]))
      for name in PLAYERS
    }
    _check_variables(variables)
    game = play.init({name: variables[name]["params"] for name in PLAYERS})
    return initial_state(game, {})

  def step(state: State, batch: Batch, key: Key):
    keys = jax.random.split(key)
    game, each = play.step(game_state(state), batch["x"], keys)
    report = parallel.total(_report(each, batch["mask"]))
    return next_state(state, game, {}), report

  def evaluate(state: State, batch: Batch, key: Key):
    x, mask, keys = batch["x"], batch["mask"], jax.random.split(key)
    each = {
      name: loss(state.params, x, keys)[1] for name, loss in losses.items()
    }
    fake = generated(state.params, keys[1], x)
    return _report(each, mask) | {
      "real": metrics.average(logits(state.params, x) > 0, mask),
      "generated": metrics.average(logits(state.params, fake) > 0, mask),
    }

  def deployed(state: State) -> Generator:
    return Generator(
      inference_fn(models["generator"], variables(state)), latent_size
    )

  def variables(state: State) -> PyTree:
    return {"params": state.params["generator"]}

  return Task(init, step, evaluate, deployed, variables)


def example() -> Example:
  """Makes a tiny instance, for the contract tests of all tasks."""
  models = {
    "generator": VectorGenerator(2, hidden=(4,)),
    "discriminator": VectorDiscriminator(hidden=(4,)),
  }
  optimizers = dict.fromkeys(PLAYERS, optax.sgd(0.1))
  points = jax.random.normal(jax.random.key(0), (8, 2))
  batch = {"x": points, "mask": jnp.ones(8)}
  return Example(gan(models, optimizers, latent_size=2), batch)


def _apply(model: nn.Module, params: PyTree, inputs: Array) -> Array:
  return cast(Array, model.apply({"params": params}, inputs))


def _report(each: Mapping[str, Array], mask: Array):
  return {
    "loss": metrics.average(each["generator"], mask),
    "discriminator_loss": metrics.average(each["discriminator"], mask),
  }


def _check_variables(variables):
  for name, own in variables.items():
    if others := sorted(set(own) - {"params"}):
      raise ValueError(
        f"the {name} has variables of {', '.join(others)}: expected parameters "
        "only, so a model without BatchNorm."
      )
