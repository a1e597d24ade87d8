"""SmoothAdv: adversarial training of the smoothed classifier."""

import jax

from robust_jax import checks, losses
from robust_jax.training_losses._common import (
  adversarial_examples,
  gaussian_noise,
  mean_cross_entropy,
  train_on_copies,
)
from robust_jax.types import (
  Array,
  Attack,
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)


def smooth_adv(
  attack: Attack, sigma: float, *, num_noise: int = 2, warmup_steps: int = 0
) -> TrainingLoss:
  """SmoothAdv: adversarial training of the smoothed classifier.

      per_example = mean_j CE(f(x_adv + n_j), y),  n_j ~ N(0, sigma^2)
      x_adv       = attack(x, y) on the model x -> log mean_j softmax f(x + n_j)

  The same draws are used by all steps of the attack and in training. On the
  cross-entropy, the attack maximizes -log mean_j softmax(f(x + n_j))_y.

  Args:
    attack: in an L2 ball, as in `compose(search.pgd, perturbations.l2(eps),
      losses.cross_entropy, num_steps=2, random_start=False)`.
    sigma: standard deviation of the noise, in input units.
    num_noise: draws for each example, m in the paper: 1 to 8.
    warmup_steps: as for `pgd_at`.

  Returns:
    The loss. Its outputs are the logarithms of the mean probabilities at x_adv;
    it reports "attack_passes", counted in those of f.

  Raises:
    ValueError: sigma or warmup_steps is negative, or num_noise less than 1.

  Example:
    >>> from robust_jax import attacks, losses, perturbations, search
    >>> from robust_jax.training_losses import smooth_adv
    >>> pgd = attacks.compose(
    ...   search.pgd, perturbations.l2(1.0), losses.cross_entropy, num_steps=2
    ... )
    >>> loss = smooth_adv(pgd, 0.5)

  Source: Salman et al. 2019, "Provably robust deep learning via adversarially
  trained smoothed classifiers", eq. 6 and algorithm 1. Deviation: in the
  warm-up the change is scaled, in the authors' code the radius of the attack.
  """
  checks.non_negative("sigma", sigma)
  checks.at_least_one("num_noise", num_noise)
  checks.non_negative("warmup_steps", warmup_steps)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_noise, key_attack, key_train = jax.random.split(key, 3)
    x, y = batch["x"], batch["y"]
    noise = gaussian_noise(key_noise, x, sigma, num_noise)

    def smoothed(x: Array) -> Array:
      copies = (x + noise).reshape(-1, *x.shape[1:])
      logits = forward.inference(copies).reshape(num_noise, len(x), -1)
      return losses.log_mean_probability(logits)

    smooth = forward._replace(inference=smoothed)
    x_adv, report = adversarial_examples(
      attack, key_attack, smooth, x, y, warmup_steps
    )
    logits, model_state = train_on_copies(forward, key_train, x_adv + noise)
    total, count = report["attack_passes"]
    return LossOutput(
      mean_cross_entropy(logits, y),
      losses.log_mean_probability(logits),
      {"attack_passes": (num_noise * total, count)},
      model_state,
    )

  return loss
