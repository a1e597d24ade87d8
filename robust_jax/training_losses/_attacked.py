"""The adversarial examples of a training step, and what they cost."""

import jax.numpy as jnp

from robust_jax.attacks.cost import passes
from robust_jax.types import Attack, Forward, Key, Metrics, PyTree


def attacked(
  attack: Attack, key: Key, forward: Forward, x: PyTree, targets: PyTree
) -> tuple[PyTree, Metrics]:
  """x_adv, and "attack_passes", the passes spent on each example.

  No gradient flows through the attack, as Danskin's theorem allows at the inner
  maximum.
  """
  x_adv = attack(key, forward.inference, x, targets)
  cost = sum(passes(attack, forward.inference, x, targets))
  return x_adv, {"attack_passes": (jnp.float32(cost), jnp.ones(()))}
