"""Corruptions of ImageNet-C as transformations."""

from robust_jax import lookup
from robust_jax.evaluation.transformation import Transformation


def of_corruptions(*names: str) -> list[Transformation]:
  """Members of `robust_jax.corruptions` at their five severities."""
  return [
    Transformation(name, lookup.find("corruptions", name)) for name in names
  ]
