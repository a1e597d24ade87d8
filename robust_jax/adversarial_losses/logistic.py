"""Adversarial losses of a discriminator that returns logits."""

from jax.nn import softplus

from robust_jax.adversarial_losses.records import (
  AdversarialLoss,
  PairLoss,
  adversarial_loss,
  real_label,
)


def minimax(smoothing: float = 0.0) -> AdversarialLoss:
  """The minimax loss of the original GAN, which saturates.

      discriminator: softplus(-D(x)) + softplus(D(G(z)))
      generator:     -softplus(D(G(z)))

  These are `-log p(x) - log(1 - p(G(z)))` and `log(1 - p(G(z)))` with p the
  sigmoid of D. The generator's gradient with respect to D(G(z)) is `-p(G(z))`,
  which vanishes where the discriminator recognizes generated examples.

  Args:
    smoothing: one-sided label smoothing: the label of real examples is 1 minus
      this. The best discriminator has `p = (1 - smoothing) p_data / (p_data +
      p_G)`.

  Returns:
    An `AdversarialLoss`.

  Raises:
    ValueError: smoothing is not in [0, 1].

  Source: Goodfellow et al. 2014, "Generative adversarial networks", equation 1.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import adversarial_losses
    >>> loss = adversarial_losses.minimax()
    >>> real, fake = jnp.zeros(1), jnp.array([-5.0])
    >>> slope = jax.grad(lambda f: loss.generator(real, f).sum())(fake)
    >>> round(slope.item(), 3)
    -0.007
  """
  return adversarial_loss(
    _cross_entropy(smoothing), lambda real, fake: -softplus(fake)
  )


def non_saturating(smoothing: float = 0.0) -> AdversarialLoss:
  """The non-saturating loss: the generator maximizes `log p(G(z))`.

      discriminator: softplus(-D(x)) + softplus(D(G(z)))
      generator:     softplus(-D(G(z)))

  The generator's gradient has the direction of that of `minimax` and is `(1 -
  p) / p` times as large, with p the sigmoid of D(G(z)).

  Args:
    smoothing: as for `minimax`.

  Returns:
    An `AdversarialLoss`.

  Raises:
    ValueError: smoothing is not in [0, 1].

  Source: Goodfellow et al. 2014, "Generative adversarial networks", section 3.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import adversarial_losses
    >>> loss = adversarial_losses.non_saturating()
    >>> real, fake = jnp.zeros(1), jnp.array([-5.0])
    >>> slope = jax.grad(lambda f: loss.generator(real, f).sum())(fake)
    >>> round(slope.item(), 3)
    -0.993
  """
  return adversarial_loss(
    _cross_entropy(smoothing), lambda real, fake: softplus(-fake)
  )


def relativistic() -> AdversarialLoss:
  """The relativistic pairing loss: a real example is compared with a fake one.

      discriminator: softplus(D(G(z)) - D(x))
      generator:     softplus(D(x) - D(G(z)))

  The discriminator only has to rank the two examples of a pair, so a generator
  that drops a mode of the data leaves pairs that are told apart. Together with
  the penalties `r1` and `r2` it needs neither normalization layers nor other
  tricks.

  Returns:
    An `AdversarialLoss`.

  Source: Jolicoeur-Martineau 2019, "The relativistic discriminator: a key
  element missing from standard GAN", with f that of Huang et al. 2024, "The GAN
  is dead; long live the GAN! A modern baseline GAN", section 2.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import adversarial_losses
    >>> loss = adversarial_losses.relativistic()
    >>> loss.discriminator(jnp.array([7.0]), jnp.array([7.0])).round(4)  # log 2
    Array([0.6931], dtype=float32)
  """
  return adversarial_loss(
    lambda real, fake: softplus(fake - real),
    lambda real, fake: softplus(real - fake),
  )


def _cross_entropy(smoothing: float) -> PairLoss:
  """The cross-entropy of both examples of a pair."""
  label = real_label(smoothing)
  return lambda real, fake: (
    label * softplus(-real) + (1 - label) * softplus(real) + softplus(fake)
  )
