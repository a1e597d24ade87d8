"""Adversarial training against several attacks, on average or the worst."""

from collections.abc import Callable, Mapping
from typing import Literal

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.training_losses._common import (
  adversarial_examples,
  cross_entropy,
)
from robust_jax.types import (
  Array,
  Attack,
  Batch,
  Forward,
  Key,
  LossOutput,
  Objective,
  PyTree,
  TrainingLoss,
)


def several_attacks(
  attacks: Mapping[str, Attack],
  *,
  over: Literal["mean", "max"] = "max",
  objective: Objective = cross_entropy,
  warmup_steps: int = 0,
) -> TrainingLoss:
  """Adversarial training against several attacks, on average or the worst.

      "mean":  per_example = mean_i objective(f(attack_i(x, y)), y)
      "max":   per_example = objective(f(x_adv), y), of the attack_i(x, y) with
               the largest objective under the frozen model

  Attacks in several sets, such as two balls or a ball and rotations, train one
  model for the union of the sets. "mean" has a training pass for each attack;
  "max" has one pass, and one more forward pass of the frozen model for each
  attack.

  Args:
    attacks: two or more, by name.
    over: how the attacks are put together.
    objective: the loss that is minimized, as for `erm`.
    warmup_steps: as for `pgd_at`, of the perturbations of all attacks.

  Returns:
    The loss. Its outputs are the outputs on the example that counts, or on that
    of the last attack; it reports "attack_passes".

  Raises:
    ValueError: fewer than two attacks, another `over`, or warmup_steps is
      negative.

  Source: Tramer and Boneh 2019, "Adversarial training and robustness for
  multiple perturbations", strategies "avg" and "max". For a detector with the
  attacks on its losses of classes and of boxes, Zhang and Wang 2019, "Towards
  adversarially robust object detection".

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[0.0, 0.0]]), "y": jnp.array([1])}
    >>> batch["mask"] = jnp.ones(1)
    >>> right = lambda key, model, x, y: x + jnp.array([0.0, 1.0])
    >>> wrong = lambda key, model, x, y: x + jnp.array([1.0, 0.0])
    >>> loss = training_losses.several_attacks({"a": right, "b": wrong})
    >>> out = loss(forward, batch, jax.random.key(0))
    >>> out.outputs.tolist()  # the worst of both
    [[1.0, 0.0]]
  """
  if len(attacks) < 2:
    raise ValueError(
      f"attacks = {list(attacks)}: expected two or more; of one attack take "
      "pgd_at."
    )
  if over not in ("mean", "max"):
    raise ValueError(f"over = {over!r}: expected 'mean' or 'max'.")
  checks.non_negative("warmup_steps", warmup_steps)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key, key_train = jax.random.split(key)
    x, y = batch["x"], batch["y"]
    found = [
      adversarial_examples(attack, key_attack, forward, x, y, warmup_steps)
      for key_attack, attack in zip(
        jax.random.split(key, len(attacks)), attacks.values(), strict=True
      )
    ]
    candidates = jnp.stack([x_adv for x_adv, _ in found])
    passes = sum((cost["attack_passes"][0] for _, cost in found), jnp.zeros(()))
    if over == "max":
      at = lambda x: objective(forward.inference(x), y)
      candidates = _worst(at, candidates)[None]
      passes += len(attacks)
    per_example, outputs, model_state = _mean_loss(
      forward, key_train, candidates, y, objective
    )
    report = {"attack_passes": (passes, jnp.ones(()))}
    return LossOutput(per_example, outputs, report, model_state)

  return loss


def _worst(loss: Callable[[Array], Array], candidates: Array) -> Array:
  """Of `[N, B, ...]` the one of largest loss for each example, `[B, ...]`."""
  value = jnp.stack([loss(x) for x in candidates])
  # NaN never wins.
  worst = jnp.nan_to_num(value, nan=-jnp.inf).argmax(axis=0)
  return candidates[worst, jnp.arange(value.shape[1])]


def _mean_loss(
  forward: Forward,
  key: Key,
  candidates: Array,
  targets: PyTree,
  objective: Objective,
) -> tuple[Array, PyTree, PyTree]:
  per_attack, model_state = [], None
  keys = jax.random.split(key, len(candidates))
  for key_train, x in zip(keys, candidates, strict=True):
    outputs, model_state = forward.train(key_train, x, model_state)
    per_attack.append(objective(outputs, targets))
  return jnp.stack(per_attack).mean(axis=0), outputs, model_state
