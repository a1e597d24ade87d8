"""Momentum iterative FGSM with input diversity (M-DI2-FGSM), for transfer."""

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
  """Diverse-input iterative FGSM with momentum (M-DI2-FGSM), for transfer.

  Signed steps of equal length lead from the original to the boundary of the
  Linf ball. The result is meant for models other than the attacked one, or for
  one of several (`surrogates.ensemble`), so it is the last iterate, not the
  best one on the surrogate. A single step is FGSM; without diversity it is
  MI-FGSM, and without momentum as well BIM.

  Args:
    eps: radius in input units; a float, a tracer or `[B]`.
    num_steps: number of steps, each of length `eps / num_steps`.
    momentum: decay of the sum of gradients of unit L1 norm.
    diversity: probability that a gradient is taken through
      `models.surrogates.input_diversity`.
    smallest: smallest resizing factor of the input diversity.
    objective: function to maximize on the surrogate.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, for images `[B, H, W, C]`.

  Source: Dong et al. 2018, algorithm 1 (MI-FGSM); Xie et al. 2019 (M-DI2-FGSM).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import di_fgsm
    >>> model = lambda x: x.reshape(len(x), -1)[:, :2]
    >>> x, key = jnp.full((1, 4, 4, 1), 0.5), jax.random.key(0)
    >>> x_adv = di_fgsm(0.25, num_steps=2)(key, model, x, jnp.array([0]))
    >>> print(x_adv[0, 0, :2, 0])  # the logits of classes 0 and 1
    [0.25 0.75]
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
