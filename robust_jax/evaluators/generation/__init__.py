"""Statistics of generated examples beside real ones, on features of both.

They compare two finite samples on the host. `compare` computes those of two
samples of features together, with intervals.
"""

from robust_jax.evaluators.generation.frechet_distance import frechet_distance
from robust_jax.evaluators.generation.kernel_distance import kernel_distance
from robust_jax.evaluators.generation.memorization import memorization
from robust_jax.evaluators.generation.mode_coverage import mode_coverage
from robust_jax.evaluators.generation.neighborhoods import neighborhoods

__all__ = [
  "frechet_distance",
  "kernel_distance",
  "memorization",
  "mode_coverage",
  "neighborhoods",
]
