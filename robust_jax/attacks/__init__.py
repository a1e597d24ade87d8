"""Complete attacks: `(key, logits_fn, x, labels) -> x_adv`."""

from robust_jax.attacks.compose import compose
from robust_jax.attacks.di_fgsm import di_fgsm
from robust_jax.attacks.rs_fgsm import rs_fgsm

__all__ = ["compose", "di_fgsm", "rs_fgsm"]
