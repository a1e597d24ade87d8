"""Any perturbation set, without an adversary: a random point of it."""

from robust_jax.types import Array, Augmentation, Key, PerturbationSet


def perturb(pset: PerturbationSet) -> Augmentation:
  """Each image takes a random element of the set, as the set samples it.

  So rotation, scale, shear and translation are `affine`, whole-pixel shifts and
  reflections `shift`, brightness, contrast, saturation and hue `photometric`,
  bending `flow`, colored rectangles `patch`, uniform noise `linf`; all with
  the ranges that the sets are attacked or tested with.
  """

  def augment(key: Key, x: Array) -> Array:
    return pset.apply(x, pset.sample(key, x))

  return augment
