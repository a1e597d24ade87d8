"""Extra tests of a comparison, beside the families: one class per module.

Each class follows the protocol `base.ExtraTest`.
"""

from robust_jax.comparison.extra_tests.natural_shifts import NaturalShifts
from robust_jax.comparison.extra_tests.sequences import Sequences
from robust_jax.comparison.extra_tests.system_noise import SystemNoise

__all__ = [
  "NaturalShifts",
  "Sequences",
  "SystemNoise",
]
