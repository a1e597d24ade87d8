"""Training problems, each three pure functions: init, step, evaluate."""

from robust_jax.tasks.adda import adda
from robust_jax.tasks.domain import domain
from robust_jax.tasks.fader import fader
from robust_jax.tasks.mcd import mcd
from robust_jax.tasks.supervised import supervised

__all__ = [
  "adda",
  "domain",
  "fader",
  "mcd",
  "supervised",
]
