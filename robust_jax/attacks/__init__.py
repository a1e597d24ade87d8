"""Complete attacks: `(key, model, x, targets) -> x_adv`."""

from robust_jax.attacks.autoattack.apgd_l1 import apgd_l1
from robust_jax.attacks.autoattack.autoattack import autoattack
from robust_jax.attacks.autoattack.square import square
from robust_jax.attacks.compose import compose
from robust_jax.attacks.di_fgsm import di_fgsm
from robust_jax.attacks.minimal_norm.bisect_eps import bisect_eps
from robust_jax.attacks.minimal_norm.carlini_wagner_l2 import carlini_wagner_l2
from robust_jax.attacks.minimal_norm.carlini_wagner_linf import (
  carlini_wagner_linf,
)
from robust_jax.attacks.minimal_norm.deepfool import deepfool
from robust_jax.attacks.minimal_norm.ead import ead
from robust_jax.attacks.minimal_norm.fab import fab
from robust_jax.attacks.minimal_norm.fmn import fmn
from robust_jax.attacks.minimal_norm.lbfgs import lbfgs
from robust_jax.attacks.minimal_norm.sigma_zero import sigma_zero
from robust_jax.attacks.rand_fgsm import rand_fgsm
from robust_jax.attacks.rs_fgsm import rs_fgsm
from robust_jax.attacks.standalone import standalone
from robust_jax.attacks.universal.adversarial_patch import adversarial_patch
from robust_jax.attacks.universal.universal import universal
from robust_jax.attacks.worst_of_k import worst_of_k

__all__ = [
  "adversarial_patch",
  "apgd_l1",
  "autoattack",
  "bisect_eps",
  "carlini_wagner_l2",
  "carlini_wagner_linf",
  "compose",
  "deepfool",
  "di_fgsm",
  "ead",
  "fab",
  "fmn",
  "lbfgs",
  "rand_fgsm",
  "rs_fgsm",
  "sigma_zero",
  "square",
  "standalone",
  "universal",
  "worst_of_k",
]
