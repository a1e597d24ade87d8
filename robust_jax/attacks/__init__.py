"""Complete attacks: `(key, logits_fn, x, labels) -> x_adv`."""

from robust_jax.attacks.bisect_eps import bisect_eps
from robust_jax.attacks.carlini_wagner_l2 import carlini_wagner_l2
from robust_jax.attacks.carlini_wagner_linf import carlini_wagner_linf
from robust_jax.attacks.compose import compose
from robust_jax.attacks.deepfool import deepfool
from robust_jax.attacks.ead import ead
from robust_jax.attacks.fmn import fmn
from robust_jax.attacks.lbfgs import lbfgs
from robust_jax.attacks.rs_fgsm import rs_fgsm
from robust_jax.attacks.sigma_zero import sigma_zero

__all__ = [
  "bisect_eps",
  "carlini_wagner_l2",
  "carlini_wagner_linf",
  "compose",
  "deepfool",
  "ead",
  "fmn",
  "lbfgs",
  "rs_fgsm",
  "sigma_zero",
]
