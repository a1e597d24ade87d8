"""Training losses: functions `(forward, batch, key) -> LossOutput`.

The mean of `LossOutput.per_example` over the real examples of a batch is
minimized. `tasks.supervised` takes any of them as its argument `loss`.
"""

from robust_jax.training_losses.advprop import advprop
from robust_jax.training_losses.alp import alp
from robust_jax.training_losses.augmix import augmix
from robust_jax.training_losses.consistency import consistency
from robust_jax.training_losses.distillation import distillation
from robust_jax.training_losses.ensemble_at import ensemble_at
from robust_jax.training_losses.erm import erm
from robust_jax.training_losses.freelb import freelb
from robust_jax.training_losses.gat import gat
from robust_jax.training_losses.gaussian import gaussian
from robust_jax.training_losses.grad_align import grad_align
from robust_jax.training_losses.ibp import ibp
from robust_jax.training_losses.macer import macer
from robust_jax.training_losses.mart import mart
from robust_jax.training_losses.n_fgsm import n_fgsm
from robust_jax.training_losses.pgd_at import pgd_at
from robust_jax.training_losses.r3f import r3f
from robust_jax.training_losses.segmentation import segmentation
from robust_jax.training_losses.several_attacks import several_attacks
from robust_jax.training_losses.smooth_adv import smooth_adv
from robust_jax.training_losses.trades import trades

__all__ = [
  "advprop",
  "alp",
  "augmix",
  "consistency",
  "distillation",
  "ensemble_at",
  "erm",
  "freelb",
  "gat",
  "gaussian",
  "grad_align",
  "ibp",
  "macer",
  "mart",
  "n_fgsm",
  "pgd_at",
  "r3f",
  "segmentation",
  "several_attacks",
  "smooth_adv",
  "trades",
]
