"""N-FGSM: one-step adversarial training from large noise, without a cut."""

import jax
import jax.numpy as jnp

from robust_jax import checks, losses
from robust_jax.search import ascent
from robust_jax.training_losses._common import cross_entropy
from robust_jax.training_losses.pgd_at import pgd_at
from robust_jax.types import Array, Key, Model, Objective, TrainingLoss
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


def n_fgsm(
  eps: float, *, noise: float = 2.0, objective: Objective = cross_entropy
) -> TrainingLoss:
  """N-FGSM: one-step adversarial training from large noise, without a cut.

      x_noisy     = clip(x + u, 0, 1),  u uniform in [-noise eps, noise eps]
      x_adv       = clip(x_noisy + eps sign(grad CE(f(x_noisy), y)), 0, 1)
      per_example = objective(f(x_adv), y)

  The sum of noise and step is not projected onto the ball of radius `eps`, so
  `x_adv` is up to `(1 + noise) eps` away from x. Projected, as in RS-FGSM, the
  noise undoes part of the step, and training collapses at large radii.

  Args:
    eps: length of the step in input units, the radius to be robust in.
    noise: length of the noise in multiples of `eps`; 2 in the paper, 3 for the
      radius 12/255 on SVHN.
    objective: what is minimized on x_adv, as for `erm`.

  Returns:
    The loss; it reports "attack_passes", which are 2.

  Raises:
    ValueError: eps or noise is negative.

  Source: de Jorge et al. 2022, "Make some noise: reliable and efficient
  single-step adversarial training".

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[0.0, 0.0]]), "y": jnp.array([1])}
    >>> batch["mask"] = jnp.ones(1)
    >>> loss = training_losses.n_fgsm(0.25, noise=0.0)
    >>> out = loss(forward, batch, jax.random.key(0))
    >>> out.outputs.tolist()  # logits are x_adv
    [[0.25, 0.0]]
  """
  checks.non_negative("eps", eps)
  checks.non_negative("noise", noise)

  def attack(key: Key, model: Model, x: Array, labels: Array) -> Array:
    model = canonicalize_on_cpu(model)
    moved = jax.random.uniform(key, x.shape, x.dtype, -1.0, 1.0)
    x_noisy = jnp.clip(x + noise * eps * moved, 0.0, 1.0)
    grad = jax.grad(lambda x: losses.soft_margin(model(x), labels).sum())(
      x_noisy
    )
    step = eps * jnp.sign(ascent.usable_gradient(grad))
    return jax.lax.stop_gradient(jnp.clip(x_noisy + step, 0.0, 1.0))

  return pgd_at(attack, objective=objective)
