"""The fast gradient method with momentum and input diversity, for transfer."""

import jax

from robust_jax import losses, search
from robust_jax.attacks.compose import compose
from robust_jax.attacks.standalone import standalone
from robust_jax.models.surrogates import input_diversity
from robust_jax.perturbations.linf import linf
from robust_jax.types import Array, Attack, Key, Model, Objective


def di_fgsm(
  eps: Array | float,
  *,
  num_steps: int = 10,
  momentum: Array | float = 1.0,
  diversity: Array | float = 0.5,
  smallest: Array | float = 0.9,
  objective: Objective = losses.cross_entropy,
) -> Attack:
  """Signed steps of equal length from the original to the face of the ball.

  What comes out is meant for other models than the one it was made on, or for
  one of several (`models.ensemble`): the last iterate, not the best on the
  surrogate. One step is FGSM, no diversity MI-FGSM, no momentum either BIM.

  Args:
    eps: radius in input units; a float, a tracer or `[B]`.
    num_steps: each of `eps / num_steps`.
    momentum: decay of the sum of gradients of unit L1 norm.
    diversity: probability of shrinking an image, see `surrogates`.
    smallest: smallest factor of shrinking.
    objective: what to maximize on the surrogate.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, for images `[B, H, W, C]`.

  Source: Dong et al. 2018, algorithm 1 (MI-FGSM); Xie et al. 2019
  (M-DI2-FGSM).
  """
  attack = compose(
    search.pgd,
    linf(eps),
    objective,
    num_steps=num_steps,
    step_size=1 / num_steps,
    momentum=momentum,
    random_start=False,
    keep="last",
  )

  @standalone
  def through_diversity(key: Key, logits_fn: Model, x: Array, labels: Array):
    key_diverse, key_attack = jax.random.split(key)
    model = input_diversity(key_diverse, logits_fn, diversity, smallest)
    return attack(key_attack, model, x, labels)

  return through_diversity
