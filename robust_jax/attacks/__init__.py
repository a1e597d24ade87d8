"""Complete attacks: `(key, logits_fn, x, labels) -> x_adv`."""

from robust_jax.attacks.adversarial_patch import adversarial_patch
from robust_jax.attacks.compose import compose
from robust_jax.attacks.rs_fgsm import rs_fgsm
from robust_jax.attacks.universal import universal

__all__ = ["adversarial_patch", "compose", "rs_fgsm", "universal"]
