"""Complete attacks: `(key, logits_fn, x, labels) -> x_adv`."""

from robust_jax.attacks.compose import compose

__all__ = ["compose"]
