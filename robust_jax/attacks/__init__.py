"""Complete attacks: `(key, logits_fn, x, labels) -> x_adv`."""

from robust_jax.attacks.compose import compose
from robust_jax.attacks.rs_fgsm import rs_fgsm
from robust_jax.attacks.worst_of_k import worst_of_k

__all__ = ["compose", "rs_fgsm", "worst_of_k"]
