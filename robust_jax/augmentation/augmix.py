"""AugMix: a random mixture of chains of operations."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax

from robust_jax import checks, tree
from robust_jax.augmentation import operations
from robust_jax.augmentation.grouped import grouped
from robust_jax.types import Array, Augmentation, Key

_DEPTHS = (1, 3)  # shortest and longest chain
_WHOLE = 10  # the severity of the full range


def augmix(
  width: int = 3, severity: float = 3.0, alpha: float = 1.0
) -> Augmentation:
  """AugMix: mixes the image with several randomly augmented versions of it.

  `x' = m x + (1 - m) sum_i w_i chain_i(x)`, where w is Dirichlet(alpha, ...,
  alpha), m is Beta(alpha, alpha) and each chain has 1 to 3 operations. Weights,
  strengths and directions are drawn for each image; the operations are drawn
  for each group of up to 8 images. The operations are autocontrast, equalize,
  posterize, rotate, solarize, and shear and translate along both axes. None of
  them is in ImageNet-C, which remains a test on unseen corruptions.

  The loss of AugMix, which compares three views, is `training_losses.augmix`.

  Args:
    width: number of chains.
    severity: upper bound of the strengths, which are uniform from 0.1 to this
      number; 10 is the full range.
    alpha: parameter of both distributions.

  Returns:
    An `Augmentation`.

  Raises:
    ValueError: width is below 1, severity is not in [0.1, 10], or alpha is not
      positive.

  Source: Hendrycks et al. 2020, "AugMix: A Simple Data Processing Method to
    Improve Robustness and Uncertainty", algorithm 1.
  Deviation: images stay floats between operations, and angles and shifts are
    not rounded to whole numbers.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation
    >>> augment = augmentation.augmix(width=3)
    >>> x = jax.numpy.full((2, 8, 8, 3), 0.5)
    >>> jax.eval_shape(augment, jax.random.key(0), x).shape
    (2, 8, 8, 3)
  """
  checks.at_least_one("width", width)
  if not 0.1 <= severity <= _WHOLE:
    raise ValueError(f"severity = {severity}: expected 0.1 to {_WHOLE}.")
  checks.positive("alpha", alpha)
  choices = _operations(severity)

  def augment(key: Key, x: Array) -> Array:
    key_weights, key_mix, key_chains = jax.random.split(key, 3)
    concentration = jnp.full(width, alpha)
    weights = jax.random.dirichlet(key_weights, concentration, x.shape[:1])
    mix = jax.random.beta(key_mix, alpha, alpha, x.shape[:1])

    def add(i, total):
      y = _chain(choices, jax.random.fold_in(key_chains, i), x)
      return total + tree.expand(weights[:, i], x) * y

    # A loop, so that operations are compiled once for all chains.
    chains = lax.fori_loop(0, width, add, jnp.zeros_like(x))
    mixed = x + tree.expand(1 - mix, x) * (chains - x)
    return jnp.clip(mixed, 0.0, 1.0)  # weights sum to 1 up to rounding

  return grouped(augment)


def _chain(choices: Sequence[Augmentation], key: Key, x: Array) -> Array:
  key_depth, key_chain = jax.random.split(key)
  depth = jax.random.randint(key_depth, (), _DEPTHS[0], _DEPTHS[1] + 1)

  def step(i, y):
    key_choice, key_change = jax.random.split(jax.random.fold_in(key_chain, i))
    choice = jax.random.randint(key_choice, (), 0, len(choices))
    return lax.switch(choice, choices, key_change, y)

  return lax.fori_loop(0, depth, step, x)


def _operations(severity: float) -> Sequence[Augmentation]:
  """Returns all 9 operations, each drawing a strength for each image."""

  def fractions(key: Key, x: Array) -> Array:
    """Draws fractions of the full range, `[B]`."""
    drawn = jax.random.uniform(key, x.shape[:1], minval=0.1, maxval=severity)
    return drawn / _WHOLE

  def one_sided(change: Callable[[Array, Array], Array]) -> Augmentation:
    return lambda key, x: change(x, fractions(key, x))

  def two_sided(change: Callable[..., Array], reach: float) -> Augmentation:
    def augment(key: Key, x: Array) -> Array:
      key_sign, key_fraction = jax.random.split(key)
      sign = jax.random.rademacher(key_sign, x.shape[:1], jnp.float32)
      return change(x, sign * reach * fractions(key_fraction, x))

    return augment

  def posterize(x, fraction):
    return operations.posterize(x, jnp.maximum(4 - jnp.floor(4 * fraction), 1))

  def solarize(x, fraction):
    return operations.solarize(x, (1 - fraction) * 256 / 255)

  return (
    lambda key, x: operations.autocontrast(x),
    lambda key, x: operations.equalize(x),
    one_sided(posterize),
    one_sided(solarize),
    two_sided(operations.rotate, 30),
    two_sided(operations.shear_x, 0.3),
    two_sided(operations.shear_y, 0.3),
    two_sided(operations.translate_x, 1 / 3),
    two_sided(operations.translate_y, 1 / 3),
  )
