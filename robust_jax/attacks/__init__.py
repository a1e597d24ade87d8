"""Complete attacks: `(key, logits_fn, x, labels) -> x_adv`."""

from robust_jax.attacks.at_features import at_features
from robust_jax.attacks.compose import compose
from robust_jax.attacks.rs_fgsm import rs_fgsm

__all__ = ["at_features", "compose", "rs_fgsm"]
