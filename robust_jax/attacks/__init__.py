"""Complete attacks: `(key, logits_fn, x, labels) -> x_adv`."""

from robust_jax.attacks.adversarial_patch import adversarial_patch
from robust_jax.attacks.apgd_l1 import apgd_l1
from robust_jax.attacks.at_features import at_features
from robust_jax.attacks.autoattack import autoattack
from robust_jax.attacks.compose import compose
from robust_jax.attacks.di_fgsm import di_fgsm
from robust_jax.attacks.fab import fab
from robust_jax.attacks.rs_fgsm import rs_fgsm
from robust_jax.attacks.square import square
from robust_jax.attacks.universal import universal
from robust_jax.attacks.worst_of_k import worst_of_k

__all__ = [
  "adversarial_patch",
  "apgd_l1",
  "at_features",
  "autoattack",
  "compose",
  "di_fgsm",
  "fab",
  "rs_fgsm",
  "square",
  "universal",
  "worst_of_k",
]
