"""Changes that are sought against each model."""

import jax
import jax.numpy as jnp

from robust_jax import attacks, losses, perturbations, search
from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions import constants

_LEVELS = (1, 2, 4, 6, 8)  # of 255 gray levels
_STEPS = 10


def adversarial(shapes: Shapes) -> Family:
  """PGD in an Linf ball, on the margin, from the clean image; 10 steps.

  Weaker than `attacks.autoattack`: it tells models apart, it certifies nothing.
  There is no randomness in it, so an image's result depends on no other image.
  """
  del shapes
  return Family(
    "Each gray level changed by a few of 255, in the direction that hurts this "
    "model: every model meets images of its own, made with its gradients.",
    [
      Transformation(
        "linf_pgd",
        _attacked,
        labels=[f"up to {level} of 255 gray levels" for level in _LEVELS],
        of_model=True,
      )
    ],
    by_default=False,
  )


def _attacked(logits_fn, x, labels, level):
  eps = constants.pick(jnp.array(_LEVELS) / 255, level)
  attack = attacks.compose(
    search.pgd,
    perturbations.linf(eps),
    losses.margin,
    num_steps=_STEPS,
    step_size=0.25,
    random_start=False,
  )
  # No randomness is left, so that the key does not matter.
  x_adv = attack(jax.random.key(0), logits_fn, x, labels)
  # Radii are whole gray levels: rounded, it is still within them.
  return jnp.round(255 * x_adv) / 255
