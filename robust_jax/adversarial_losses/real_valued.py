"""Adversarial losses of a discriminator whose outputs are no logits."""

import jax.numpy as jnp
from jax.nn import relu

from robust_jax.adversarial_losses.records import (
  AdversarialLoss,
  adversarial_loss,
  real_label,
)


def least_squares(smoothing: float = 0.0) -> AdversarialLoss:
  """Least squares GAN (LSGAN): a regression on the labels 1 and 0.

      discriminator: (D(x) - 1)^2 / 2 + D(G(z))^2 / 2
      generator:     (D(G(z)) - 1)^2 / 2

  Args:
    smoothing: one-sided label smoothing: the discriminator's label of real
      examples is 1 minus this. The generator's stays 1.

  Returns:
    An `AdversarialLoss`.

  Raises:
    ValueError: smoothing is not in [0, 1].

  Source: Mao et al. 2017, "Least squares generative adversarial networks",
  equation 9.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import adversarial_losses
    >>> loss = adversarial_losses.least_squares()
    >>> loss.discriminator(jnp.array([3.0]), jnp.array([1.0]))  # (4 + 1) / 2
    Array([2.5], dtype=float32)
  """
  label = real_label(smoothing)
  return adversarial_loss(
    lambda real, fake: (jnp.square(real - label) + jnp.square(fake)) / 2,
    lambda real, fake: jnp.square(fake - 1) / 2,
  )


def hinge() -> AdversarialLoss:
  """The hinge loss, under which examples beyond a margin of 1 have no say.

      discriminator: max(0, 1 - D(x)) + max(0, 1 + D(G(z)))
      generator:     -D(G(z))

  Returns:
    An `AdversarialLoss`.

  Source: Miyato et al. 2018, "Spectral normalization for generative adversarial
  networks", equations 16 and 17; Lim and Ye 2017, "Geometric GAN".

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import adversarial_losses
    >>> loss = adversarial_losses.hinge()
    >>> loss.discriminator(jnp.array([0.5]), jnp.array([-2.0]))
    Array([0.5], dtype=float32)
  """
  return adversarial_loss(
    lambda real, fake: relu(1 - real) + relu(1 + fake),
    lambda real, fake: -fake,
  )


def wasserstein() -> AdversarialLoss:
  """Wasserstein GAN (WGAN): the difference of the critic's means.

      discriminator: D(G(z)) - D(x)
      generator:     -D(G(z))

  It has no minimum unless the slope of D is bounded, for example by the penalty
  `gradient_penalty` (WGAN-GP) or by spectral normalization.

  Returns:
    An `AdversarialLoss`.

  Source: Arjovsky et al. 2017, "Wasserstein GAN", algorithm 1.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import adversarial_losses
    >>> loss = adversarial_losses.wasserstein()
    >>> loss.discriminator(jnp.array([3.0]), jnp.array([1.0]))
    Array([-2.], dtype=float32)
  """
  return adversarial_loss(
    lambda real, fake: fake - real, lambda real, fake: -fake
  )
