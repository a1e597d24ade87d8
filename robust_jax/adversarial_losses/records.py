"""Records of adversarial losses, and what they have in common."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from robust_jax import checks
from robust_jax.types import Array, Key

PairLoss = Callable[[Array, Array], Array]
"""`(real, fake) -> [B]` float32, where real and fake are the outputs of the
discriminator for a real and a generated example each: `[B]`, or `[B, ...]` of
one for each patch of an image, whose losses are averaged."""

Discriminator = Callable[[Array], Array]
"""`(x [B, ...]) -> outputs`, larger where x seems real: `[B]`, or `[B, ...]`
with one for each patch."""

Penalty = Callable[[Discriminator, Array, Array, Key, Array], Array]
"""`(discriminator, real, fake, key, step) -> [B]` float32, which is added to
the loss of the discriminator. Real and fake `[B, ...]` are examples; `step` is
an int32 scalar, the number of completed steps."""


class AdversarialLoss(NamedTuple):
  """The losses of a discriminator and a generator, both to be minimized.

  Attributes:
    discriminator: loss of the discriminator.
    generator: loss of the generator.
  """

  discriminator: PairLoss
  generator: PairLoss


def adversarial_loss(
  discriminator: PairLoss, generator: PairLoss
) -> AdversarialLoss:
  """Makes an `AdversarialLoss` that checks its arguments.

  Its losses are computed in float32, whatever dtype the discriminator returns,
  and raise ValueError unless real and fake have one shape that leads with B.
  """
  return AdversarialLoss(_checked(discriminator), _checked(generator))


def real_label(smoothing: float) -> float:
  """The label of real examples under one-sided smoothing, `1 - smoothing`.

  Generated examples keep the label 0: a smoothed one would draw the generator
  to its own present samples.

  Raises:
    ValueError: smoothing is not in [0, 1].

  Source: Salimans et al. 2016, "Improved techniques for training GANs", section
  3.4.
  """
  checks.non_negative("smoothing", smoothing)
  checks.at_most("smoothing", smoothing, 1)
  return 1 - smoothing


def _checked(loss: PairLoss) -> PairLoss:
  def of_pairs(real: Array, fake: Array) -> Array:
    if real.ndim == 0 or real.shape != fake.shape:
      raise ValueError(
        f"outputs of a discriminator of shapes {real.shape} for real and "
        f"{fake.shape} for generated examples: expected one number for each "
        "example, [B] for both, or one for each patch, [B, ...]."
      )
    outputs = (x.astype(jnp.float32).ravel() for x in (real, fake))
    return mean_of_patches(loss(*outputs).reshape(real.shape))

  return of_pairs


def mean_of_patches(values: Array) -> Array:
  """Averages values `[B, ...]` of an example's patches: `[B]`; or `[B]`."""
  return values.reshape(len(values), -1).mean(axis=1)
