"""What a comparison may hold beside its families: a section per module.

A module holds one class of its own name, as `evaluation.section.Section` says.
"""

from robust_jax.comparison.extra_tests.natural_shifts import NaturalShifts
from robust_jax.comparison.extra_tests.sequences import Sequences
from robust_jax.comparison.extra_tests.system_noise import SystemNoise

__all__ = [
  "NaturalShifts",
  "Sequences",
  "SystemNoise",
]
