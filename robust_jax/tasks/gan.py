"""Generative adversarial network (GAN), with any adversarial loss."""

from collections.abc import Callable, Mapping, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks
from robust_jax.adversarial_losses import non_saturating
from robust_jax.adversarial_losses.records import AdversarialLoss, Penalty
from robust_jax.games import alternating
from robust_jax.games.players import Solver, same_names
from robust_jax.models.gan.vectors import VectorDiscriminator, VectorGenerator
from robust_jax.models.inference import Generator, inference_fn
from robust_jax.tasks._example import Example
from robust_jax.tasks._gan_losses import PLAYERS, Problem, Real
from robust_jax.tasks._gan_steps import adversarial_game
from robust_jax.types import (
  Augmentation,
  Batch,
  Evaluator,
  Key,
  PyTree,
  State,
  Task,
)

_NON_SATURATING = non_saturating()


def gan(
  models: Mapping[str, nn.Module],
  optimizers: Mapping[str, optax.GradientTransformation],
  *,
  latent_size: int,
  adversarial_loss: AdversarialLoss = _NON_SATURATING,
  penalties: Sequence[Penalty] = (),
  augment: Augmentation | None = None,
  solver: Callable[..., Solver] = alternating,
  evaluator: Evaluator | None = None,
) -> Task:
  """Generative adversarial network (GAN), with any adversarial loss.

      discriminator: minimize  E loss_D(D(x), D(G(z))) + penalties
      generator:     minimize  E loss_G(D(x), D(G(z)))

  where z is standard normal and x and z are drawn in pairs. By default a step
  is a move of the discriminator, then one of the generator against the updated
  discriminator, each on its own latents.

  A solver that takes several args per step, such as `alternating` with `counts`
  or `extragradient` with `fresh`, has the batch divided into as many equal
  parts: with `counts` of 5 and 1, a batch of 384 is six moves of 64 examples.

  Models that take labels (`conditional`) make it class-conditional: D(x, y) and
  G(z, y), where y is the class of the real example of the pair.

  Statistics of BatchNorm and spectral normalization start every move as they
  were before the step; those of each player's own last move are kept. In a move
  of the discriminator, real and generated examples are separate passes.

  Args:
    models: the "generator", z `[B, Z]` -> x, and the "discriminator",
      x -> `[B]`, larger where x seems real, or `[B, ...]` for patches of x. If
      their field `conditional` is True, both take label vectors `[B, K]` too.
    optimizers: the optimizers of both players, by the same names.
    latent_size: Z.
    adversarial_loss: the losses of both players, see
      `robust_jax.adversarial_losses`.
    penalties: what is added to the discriminator's loss, see
      `adversarial_losses.penalties`. Their gradients are with respect to
      examples before their augmentation.
    augment: differentiable augmentation of all that the discriminator sees in
      training, real and generated, in the moves of both players. Both examples
      of a pair get the same draw.
    solver: makes the solver, `(players, optimizers, *, reduce) -> Solver`, see
      `robust_jax.games`.
    evaluator: a further measurement of the generator in `evaluate`, such as
      `evaluators.sample_quality`.

  Returns:
    The task. `step` reports "loss", that of the generator,
    "discriminator_loss", "penalty" if there are penalties, and
    "discriminator_accuracy", the fraction of pairs whose real example has the
    larger output: 1/2 if the two cannot be told apart. `evaluate` reports
    these, without penalties and augmentation, on held-out data, and what the
    evaluator measures. `deployed` is a `models.inference.Generator`.

  Raises:
    ValueError: models or optimizers are not those of the two players, only one
      model takes labels, or latent_size is below 1. `init` raises it if there
      are penalties and the discriminator mixes examples, by BatchNorm or the
      deviation of a minibatch, or if there are no labels although models take
      them; `step` if the batch cannot be divided.

  Source: Goodfellow et al. 2014, "Generative adversarial networks", algorithm
  1. Labels: Mirza and Osindero 2014, "Conditional generative adversarial nets",
  equation 2. Augmentation: Zhao et al. 2020, "Differentiable augmentation for
  data-efficient GAN training", equations 5 and 6.

  Deviation: Zhao et al. draw independently for real and generated examples.

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
  num_classes = _num_classes(models)
  problem = Problem(models, latent_size, adversarial_loss, penalties, augment)

  game = adversarial_game(problem, optimizers, solver)

  def init(key: Key, batch: Batch) -> State:
    return game.init(key, _real(batch, num_classes))

  def step(state: State, batch: Batch, key: Key):
    return game.step(state, _real(batch, num_classes), key)

  def evaluate(state: State, batch: Batch, key: Key):
    real = _real(batch, num_classes)
    found = game.evaluate(state, real, batch["mask"], key)
    if evaluator is not None:
      found |= evaluator.measure(deployed(state), batch, key)
    return found

  def deployed(state: State) -> Generator:
    return Generator(
      inference_fn(models["generator"], variables(state)),
      latent_size,
      num_classes,
    )

  def variables(state: State) -> PyTree:
    return {
      "params": state.params["generator"],
      **state.model_state["generator"],
    }

  summarize = dict if evaluator is None else evaluator.summarize
  return Task(init, step, evaluate, deployed, variables, summarize)


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


def _num_classes(models: Mapping[str, nn.Module]) -> int:
  """The number of classes of models that take labels, and 0 of others.

  Raises:
    ValueError: it is not the same for both.
  """
  counts = {
    name: models[name].num_classes
    if getattr(models[name], "conditional", False)
    else 0
    for name in PLAYERS
  }
  if len(set(counts.values())) > 1:
    raise ValueError(
      f"numbers of classes of the labels that models take = {counts}, 0 for "
      "one that takes none: expected the same for both. Set `conditional` of "
      "both to True or False, or choose models that both have it."
    )
  return counts["generator"]


def _real(batch: Batch, num_classes: int) -> Real:
  """The real examples of a batch, with their label vectors if there are any.

  Raises:
    ValueError: there are classes, and the batch has none.
  """
  if not num_classes:
    return (batch["x"],)
  if "y" not in batch:
    raise ValueError(
      "models that take labels, and data without: expected a class of each "
      "example. Choose other data, or set `conditional` of the models to False."
    )
  return batch["x"], jax.nn.one_hot(batch["y"], num_classes)
