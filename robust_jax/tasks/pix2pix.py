"""Translation of images by a conditional GAN (pix2pix)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks
from robust_jax.adversarial_losses import non_saturating
from robust_jax.adversarial_losses.records import AdversarialLoss, Penalty
from robust_jax.evaluators.paired import paired
from robust_jax.games import alternating
from robust_jax.games.players import Solver, same_names
from robust_jax.models.gan.patch_discriminator import PatchDiscriminator
from robust_jax.models.gan.unet import UnetGenerator
from robust_jax.models.inference import ImageTranslator, image_translator
from robust_jax.tasks._example import Example
from robust_jax.tasks._gan_losses import PLAYERS, Problem, Real
from robust_jax.tasks._gan_steps import adversarial_game
from robust_jax.types import (
  Array,
  Augmentation,
  Batch,
  Evaluator,
  Key,
  PyTree,
  State,
  Task,
)

_NON_SATURATING = non_saturating()
_PAIRED = paired()


def pix2pix(
  models: Mapping[str, nn.Module],
  optimizers: Mapping[str, optax.GradientTransformation],
  *,
  l1_weight: float = 100.0,
  adversarial_loss: AdversarialLoss = _NON_SATURATING,
  penalties: Sequence[Penalty] = (),
  augment: Augmentation | None = None,
  solver: Callable[..., Solver] = alternating,
  evaluator: Evaluator = _PAIRED,
) -> Task:
  """Translation of images by a conditional GAN (pix2pix).

      discriminator: minimize  E loss_D(D(x, y), D(x, G(x))) + penalties
      generator:     minimize  E loss_G(D(x, y), D(x, G(x)))
                               + l1_weight |y - G(x)|

  of pairs of an input x and its target y, with the mean absolute difference of
  a pixel in [0, 1]. The only noise of G is its dropout, which is on when it is
  deployed as well. D sees both images, concatenated along their channels. By
  default a step is a move of the discriminator, then one of the generator, each
  with noise of its own; solvers of several moves are as for `gan`.

  Args:
    models: the "generator", x `[B, H, W, C]` -> `[B, H, W, C']` like y, and the
      "discriminator" of `[B, H, W, C + C']`, which returns `[B]` or, for
      patches, `[B, ...]`. Without a discriminator the generator minimizes the
      distance alone, the baseline of every claim.
    optimizers: the optimizers of both players, by the same names.
    l1_weight: weight of the distance; 0 for a discriminator alone.
    adversarial_loss: the losses of both players, see
      `robust_jax.adversarial_losses`.
    penalties: what is added to the discriminator's loss, see
      `adversarial_losses.penalties`: of its gradient with respect to y.
    augment: augmentation of pairs in training, the same draw for both images.
    solver: makes the solver, `(players, optimizers, *, reduce) -> Solver`, see
      `robust_jax.games`.
    evaluator: the measurement of the deployed translator in `evaluate`.

  Returns:
    The task. `step` reports "loss", that of the generator, "l1", the distance,
    and what `gan` reports of the discriminator. `evaluate` reports these,
    without penalties, augmentation and noise, on held-out pairs, and what the
    evaluator measures. `deployed` is a `models.inference.ImageTranslator`.

  Raises:
    ValueError: models or optimizers are not those of the players; l1_weight is
      negative, or 0 without a discriminator; or there are penalties without
      one. `init` raises it as in `gan`, or if images of a pair have different
      sizes.

  Source: Isola et al. 2017, "Image-to-image translation with conditional
  adversarial networks", equation 4 with the weight of 100 of section 3.3.

  Deviation: images are in [0, 1] instead of [-1, 1], so that distances are half
  as large: a weight of 200 is the paper's. The paper halves the loss of the
  discriminator, which changes nothing for Adam but its epsilon; to slow the
  discriminator down, give it a learning rate of its own.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import models, tasks
    >>> players = {
    ...   "generator": models.UnetGenerator((8, 8, 3), widths=(4, 4)),
    ...   "discriminator": models.PatchDiscriminator(widths=(4, 4)),
    ... }
    >>> optimizers = dict.fromkeys(players, optax.adam(2e-4, b1=0.5))
    >>> task = tasks.pix2pix(players, optimizers)
    >>> x, y = jnp.ones((2, 8, 8, 1)), jnp.ones((2, 8, 8, 3))
    >>> batch = {"x": x, "y": y, "mask": jnp.ones(2)}
    >>> state = jax.eval_shape(task.init, jax.random.key(0), batch)
    >>> sorted(state.params)
    ['discriminator', 'generator']
  """
  _check(models, optimizers, l1_weight, penalties)
  networks: dict[str, Any] = {"generator": _OfInput(models["generator"])}
  if "discriminator" in models:
    networks["discriminator"] = _OfPair(models["discriminator"])
  game = adversarial_game(
    Problem(networks, 0, adversarial_loss, penalties, None, l1_weight),
    optimizers,
    solver,
  )

  def init(key: Key, batch: Batch) -> State:
    return game.init(key, _pair(batch))

  def step(state: State, batch: Batch, key: Key):
    key, key_augment = jax.random.split(key)
    y, x = _pair(batch)
    if augment is not None:
      both = augment(key_augment, jnp.concatenate([y, x], axis=-1))
      y, x = jnp.split(both, [y.shape[-1]], axis=-1)
    return game.step(state, (y, x), key)

  def evaluate(state: State, batch: Batch, key: Key):
    measured = game.evaluate(state, _pair(batch), batch["mask"], key)
    return measured | evaluator.measure(deployed(state), batch, key)

  def deployed(state: State) -> ImageTranslator:
    return image_translator(models["generator"], variables(state))

  def variables(state: State) -> PyTree:
    return {
      "params": state.params["generator"],
      **state.model_state["generator"],
    }

  return Task(init, step, evaluate, deployed, variables, evaluator.summarize)


def example() -> Example:
  """Makes a tiny instance, for the contract tests of all tasks."""
  models = {
    "generator": UnetGenerator((4, 4, 1), widths=(4, 4), num_dropouts=1),
    "discriminator": PatchDiscriminator(widths=(4,)),
  }
  optimizers = dict.fromkeys(models, optax.sgd(0.1))
  y = jax.random.uniform(jax.random.key(0), (8, 4, 4, 1))
  batch = {"x": 1 - y.repeat(2, axis=-1), "y": y, "mask": jnp.ones(8)}
  return Example(pix2pix(models, optimizers), batch)


class _OfInput(NamedTuple):
  """The generator as a network of a latent, which is empty, and of x."""

  model: nn.Module

  def init(self, key: Key, z: Array, x: Array):
    del z
    return self.model.init(key, x)

  def apply(self, variables: PyTree, z: Array, x: Array, **options: Any):
    del z
    return self.model.apply(variables, x, **options)


class _OfPair(NamedTuple):
  """The discriminator as a network of a target and of x."""

  model: nn.Module

  @property
  def minibatch_std(self) -> int:
    """As of the discriminator."""
    return getattr(self.model, "minibatch_std", 0)

  def init(self, key: Key, y: Array, x: Array):
    return self.model.init(key, jnp.concatenate([x, y], axis=-1))

  def apply(self, variables: PyTree, y: Array, x: Array, **options: Any):
    both = jnp.concatenate([x, y], axis=-1)
    return self.model.apply(variables, both, **options)


def _pair(batch: Batch) -> Real:
  """The target and the input of a batch.

  Raises:
    ValueError: they are no images of one size.
  """
  x, y = batch["x"], batch.get("y")
  if y is None or y.ndim != 4 or x.shape[:3] != y.shape[:3]:
    found = "no y" if y is None else f"y of shape {y.shape}"
    raise ValueError(
      f"x of shape {x.shape} and {found}: expected pairs of images of one "
      "height and width, such as those of `data.pairs`."
    )
  return y, x


def _check(models, optimizers, l1_weight, penalties):
  adversarial = "discriminator" in models
  same_names("models", models, PLAYERS if adversarial else ("generator",))
  same_names("optimizers", optimizers, models)
  checks.non_negative("l1_weight", l1_weight)
  if not adversarial and (penalties or not l1_weight):
    raise ValueError(
      f"l1_weight = {l1_weight} and {len(penalties)} penalties without a "
      "discriminator: expected a weight above 0 and no penalties. Add a "
      "discriminator to models and optimizers, or change these."
    )
