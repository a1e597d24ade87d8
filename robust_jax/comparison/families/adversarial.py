"""Adversarial attacks on each model."""

import jax
import jax.numpy as jnp

from robust_jax import attacks, losses, perturbations, search
from robust_jax.comparison.transformation import Family, Shapes, Transformation
from robust_jax.corruptions import constants

_LEVELS = (1, 2, 4, 6, 8)  # of 255 gray levels
_STEPS = 10


def adversarial(shapes: Shapes) -> Family:
  """PGD in an Linf ball of up to 8/255, on the margin loss, 10 steps.

  It starts at the clean image and is deterministic, so that the result of an
  image does not depend on other images. It is weaker than `attacks.autoattack`:
  it compares models but certifies nothing. Used only where it is named.

  Args:
    shapes: shapes of the images.

  Example:
    >>> from robust_jax.comparison import families
    >>> [t.name for t in families.adversarial([(28, 28, 1)]).transformations]
    ['linf_pgd']
  """
  del shapes
  return Family(
    "Each gray level changed by a few of 255 in the worst direction for the "
    "model: every model sees its own images, made with its gradients.",
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
  # The attack is deterministic, so the key is arbitrary.
  x_adv = attack(jax.random.key(0), logits_fn, x, labels)
  # Radii are whole gray levels, so rounding stays within them.
  return jnp.round(255 * x_adv) / 255
