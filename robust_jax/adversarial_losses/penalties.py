"""Penalties on the gradient of a discriminator with respect to examples.

A factory makes a `Penalty`; see `adversarial_losses.records`. The gradient of
each example is that of its own output, or of the mean of the outputs for its
patches, so the discriminator must not mix examples: no BatchNorm. Squares and
sums are float32, whatever the discriminator computes in. With `every` = n a
penalty is lazy: it is computed in every n-th step, from the first on, and
counts n times there, which leaves its mean over steps and saves most of its
cost (Karras et al. 2020, "Analyzing and improving the image quality of
StyleGAN", section 3.1).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.adversarial_losses.records import (
  Discriminator,
  Penalty,
  mean_of_patches,
)
from robust_jax.types import Array, Key

__all__ = ["gradient_penalty", "r1", "r2"]

_SMALLEST = 1e-12  # squared norm that is added: a root has no slope at 0


def r1(weight: float = 1.0, every: int = 1) -> Penalty:
  """R1: the squared gradient norm at real examples.

      weight / 2 ||grad D(x)||^2

  Args:
    weight: weight of the penalty, gamma in the paper.
    every: number of steps between two of the penalty.

  Returns:
    A `Penalty`.

  Raises:
    ValueError: weight is negative or every is below 1.

  Source: Mescheder et al. 2018, "Which training methods for GANs do actually
  converge?", equation 9.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.adversarial_losses import penalties
    >>> w, x = jnp.array([3.0, 4.0]), jnp.ones((1, 2))
    >>> penalty = penalties.r1(weight=2.0)
    >>> penalty(lambda x: x @ w, x, x, jax.random.key(0), jnp.int32(0))
    Array([25.], dtype=float32)
  """

  def penalty(discriminator: Discriminator, real, fake, key):
    return weight / 2 * _squared_slope(discriminator, real)

  return _penalty(penalty, weight, every)


def r2(weight: float = 1.0, every: int = 1) -> Penalty:
  """R2: the squared gradient norm at generated examples.

      weight / 2 ||grad D(G(z))||^2

  Args:
    weight: weight of the penalty, gamma in the paper.
    every: number of steps between two of the penalty.

  Returns:
    A `Penalty`.

  Raises:
    ValueError: weight is negative or every is below 1.

  Source: Mescheder et al. 2018, "Which training methods for GANs do actually
  converge?", equation 10.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.adversarial_losses import penalties
    >>> real, fake = jnp.zeros((1, 2)), jnp.ones((1, 2))
    >>> square = lambda x: (x**2).sum(axis=1) / 2
    >>> penalties.r2()(square, real, fake, jax.random.key(0), jnp.int32(0))
    Array([1.], dtype=float32)
  """

  def penalty(discriminator: Discriminator, real, fake, key):
    return weight / 2 * _squared_slope(discriminator, fake)

  return _penalty(penalty, weight, every)


def gradient_penalty(weight: float = 10.0, every: int = 1) -> Penalty:
  """The gradient penalty of WGAN-GP, at random points between examples.

      weight (||grad D(u x + (1 - u) G(z))|| - 1)^2,  u uniform in [0, 1]

  Args:
    weight: weight of the penalty, lambda in the paper.
    every: number of steps between two of the penalty.

  Returns:
    A `Penalty`.

  Raises:
    ValueError: weight is negative or every is below 1.

  Source: Gulrajani et al. 2017, "Improved training of Wasserstein GANs",
  algorithm 1.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.adversarial_losses import penalties
    >>> w, x = jnp.array([3.0, 4.0]), jnp.ones((1, 2))
    >>> penalty = penalties.gradient_penalty(weight=1.0)
    >>> penalty(lambda x: x @ w, x, x, jax.random.key(0), jnp.int32(0))
    Array([16.], dtype=float32)
  """

  def penalty(discriminator: Discriminator, real, fake, key):
    u = tree.expand(jax.random.uniform(key, real.shape[:1]), real)
    squared = _squared_slope(discriminator, u * real + (1 - u) * fake)
    return weight * jnp.square(jnp.sqrt(squared + _SMALLEST) - 1)

  return _penalty(penalty, weight, every)


def _squared_slope(discriminator: Discriminator, x: Array) -> Array:
  """The squared gradient norm of each example's output, `[B]`."""

  def total(x: Array) -> Array:
    return mean_of_patches(discriminator(x).astype(jnp.float32)).sum()

  slope = jax.grad(total)(x.astype(jnp.float32))
  return tree.dot(slope, slope)


def _penalty(
  compute: Callable[[Discriminator, Array, Array, Key], Array],
  weight: float,
  every: int,
) -> Penalty:
  checks.non_negative("weight", weight)
  checks.at_least_one("every", every)

  def penalty(discriminator, real, fake, key, step):
    now = lambda: every * compute(discriminator, real, fake, key)
    if every == 1:
      return now()
    return jax.lax.cond(
      step % every == 0, now, lambda: jnp.zeros(len(real), jnp.float32)
    )

  return penalty
