"""Adversarial training: minimise the loss on the worst case of each image."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks
from robust_jax.attacks.cost import passes
from robust_jax.models.frozen import frozen
from robust_jax.tasks.supervised import supervised
from robust_jax.types import Attack, Augmentation, Batch, Key, State, Task


def adversarial(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  attack: Attack,
  probes: Mapping[str, Attack] | None = None,
  ema_decay: float = 0.0,
  warmup_steps: int = 0,
  augment: Augmentation | None = None,
) -> Task:
  """min over parameters of the mean of max over the set: any attack as the max.

  A step is a supervised step on the attacked batch. The attack sees the frozen
  model (running BatchNorm statistics, no dropout) and is outside the
  differentiated function, as Danskin's theorem allows at the inner maximum.

  Args:
    attack: makes the training batch; PGD gives Madry et al. 2018, `rs_fgsm`
      Wong, Rice and Kolter 2020.
    warmup_steps: over so many steps the change that the attack makes is scaled
      up from nothing; without it a large radius may leave the model at chance.
    augment: changes the images before they are attacked.
    model, optimizer, probes, ema_decay: as for `supervised`.

  Returns:
    The task; `step` also reports "attack_passes", the forward and backward
    passes that the attack spends on each example.

  Raises:
    ValueError: warmup_steps is negative.
  """
  checks.non_negative("warmup_steps", warmup_steps)
  task = supervised(model, optimizer, probes=probes, ema_decay=ema_decay)

  def step(state: State, batch: Batch, key: Key):
    if augment is not None:
      key, key_augment = jax.random.split(key)
      batch = {**batch, "x": augment(key_augment, batch["x"])}
    key_attack, key_step = jax.random.split(key)
    variables = {"params": state.params, **state.model_state}
    logits_fn = frozen(model, variables)
    x_adv = attack(key_attack, logits_fn, batch["x"], batch["y"])
    if warmup_steps:
      share = jnp.minimum(1.0, (state.step + 1) / warmup_steps)
      x_adv = share * x_adv + (1 - share) * batch["x"]
    state, metrics = task.step(state, {**batch, "x": x_adv}, key_step)
    cost = sum(passes(attack, logits_fn, batch["x"], batch["y"]))
    return state, metrics | {"attack_passes": (jnp.float32(cost), jnp.ones(()))}

  return task._replace(step=step)
