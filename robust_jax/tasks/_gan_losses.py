"""The losses of the players of a GAN, which `tasks.gan` has solved."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp

from robust_jax.adversarial_losses.records import (
  AdversarialLoss,
  Discriminator,
  Penalty,
  mean_of_patches,
)
from robust_jax.types import Array, Augmentation, Key, PyTree

PLAYERS = ("discriminator", "generator")


Real = tuple[Array, ...]
"""Real examples x `[B, ...]`, and what networks take beside them, which their
generated examples have as well: label vectors `[B, K]` of x, or images that x
is a translation of."""


class Problem(NamedTuple):
  """Constants of the losses of both players; see `gan` and `pix2pix`.

  Models are linen modules, or what has `init` and `apply` like one. Without a
  discriminator there is no adversarial loss.
  """

  models: Mapping[str, Any]
  latent_size: int
  adversarial_loss: AdversarialLoss
  penalties: Sequence[Penalty]
  augment: Augmentation | None
  l1_weight: float = 0.0


class Pairs(NamedTuple):
  """Real and generated examples, and what the discriminator makes of them.

  Attributes:
    real: real examples `[B, ...]`.
    fake: generated examples `[B, ...]`.
    outputs: of the discriminator for real and for generated examples; None
      without a discriminator.
    discriminator: the function that they are outputs of, with its augmentation.
    model_state: the statistics of both players after these passes.
  """

  real: Array
  fake: Array
  outputs: tuple[Array, Array] | None
  discriminator: Discriminator | None
  model_state: PyTree


def keys_of(player: str, key: Key) -> tuple[Key, Key]:
  """The keys of a player's move for its pairs and for its penalties."""
  place = PLAYERS.index(player)
  key_pairs, key_penalties = jax.random.split(jax.random.fold_in(key, place))
  return key_pairs, key_penalties


def make_pairs(
  problem: Problem,
  params: PyTree,
  model_state: PyTree,
  real: Real,
  key: Key,
  *,
  train: bool,
) -> Pairs:
  """Pairs each real example with a generated one, and passes both through D.

  Only in training is there augmentation, are networks random, and do statistics
  change.
  """
  key_latents, key_augment, key_networks = jax.random.split(key, 3)
  x, *labels = real

  def apply(name, inputs, own_state):
    return problem.models[name].apply(
      {"params": params[name], **own_state},
      inputs,
      *labels,
      train=train,
      mutable=list(own_state),
      rngs={"dropout": key_networks} if train else {},
    )

  def discriminate(x, own_state):
    if train and problem.augment is not None:
      x = problem.augment(key_augment, x)
    return apply("discriminator", x, own_state)

  z = jax.random.normal(key_latents, (len(x), problem.latent_size))
  fake, of_generator = apply("generator", z, model_state["generator"])
  if "discriminator" not in problem.models:
    return Pairs(x, fake, None, None, {"generator": of_generator})
  before = model_state["discriminator"]
  real_output, after_real = discriminate(x, before)
  fake_output, after_both = discriminate(fake, after_real)
  return Pairs(
    x,
    fake,
    (real_output, fake_output),
    lambda x: discriminate(x, before)[0],
    {"discriminator": after_both, "generator": of_generator},
  )


def _discriminator_loss(
  problem: Problem,
  model_state,
  step: Array,
  params: PyTree,
  real: Real,
  key: Key,
):
  key_pairs, key_penalties = keys_of("discriminator", key)
  pairs = make_pairs(problem, params, model_state, real, key_pairs, train=True)
  each = measured(problem, "discriminator", pairs)
  loss = each["discriminator_loss"]
  if problem.penalties:
    values = [
      penalty(
        cast(Discriminator, pairs.discriminator),
        pairs.real,
        pairs.fake,
        jax.random.fold_in(key_penalties, place),
        step,
      )
      for place, penalty in enumerate(problem.penalties)
    ]
    each["penalty"] = jnp.sum(jnp.stack(values), axis=0)
    loss = loss + each["penalty"]
  return loss.mean(), (each, pairs.model_state["discriminator"])


def _generator_loss(
  problem: Problem,
  model_state,
  step: Array,
  params: PyTree,
  real: Real,
  key: Key,
):
  del step
  key_pairs, _ = keys_of("generator", key)
  pairs = make_pairs(problem, params, model_state, real, key_pairs, train=True)
  each = measured(problem, "generator", pairs)
  return each["loss"].mean(), (each, pairs.model_state["generator"])


LOSSES = {"discriminator": _discriminator_loss, "generator": _generator_loss}


def measured(problem: Problem, player: str, pairs: Pairs) -> dict[str, Array]:
  """Measures a player's move, for each pair."""
  loss, outputs = problem.adversarial_loss, pairs.outputs
  if player == "generator":
    each = {} if outputs is None else {"loss": loss.generator(*outputs)}
    return each | _l1(problem, pairs, each.get("loss", 0.0))
  real, fake = cast(tuple[Array, Array], outputs)
  return {
    "discriminator_loss": loss.discriminator(real, fake),
    "discriminator_accuracy": mean_of_patches(jnp.heaviside(real - fake, 0.5)),
  }


def _l1(
  problem: Problem, pairs: Pairs, loss: Array | float
) -> dict[str, Array]:
  """The loss with the distance of the pairs, unless that has no weight."""
  if not problem.l1_weight:
    return {}
  distance = mean_of_patches(jnp.abs(pairs.fake - pairs.real))
  return {"loss": loss + problem.l1_weight * distance, "l1": distance}
