"""Random elements of a perturbation set as training data."""

from robust_jax.types import Array, Augmentation, Key, PerturbationSet


def perturb(pset: PerturbationSet) -> Augmentation:
  """Applies a random element of a perturbation set, as the set samples it.

  Rotation, scale, shear and translation are `perturbations.affine`, shifts by
  whole pixels and flips `shift`, changes of brightness, contrast, saturation
  and hue `photometric`, smooth deformations `flow`, colored rectangles `patch`,
  and uniform noise `linf`, with the ranges that the sets are attacked with.

  Args:
    pset: a perturbation set.

  Returns:
    An `Augmentation`.

  Example:
    >>> import jax
    >>> from robust_jax import augmentation, perturbations
    >>> augment = augmentation.perturb(perturbations.linf(0.1))
    >>> y = augment(jax.random.key(0), jax.numpy.full((2, 4, 4, 1), 0.5))
    >>> bool((abs(y - 0.5) <= 0.1 + 1e-6).all())
    True
  """

  def augment(key: Key, x: Array) -> Array:
    return pset.apply(x, pset.sample(key, x))

  return augment
