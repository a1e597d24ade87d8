"""Training problems, each three pure functions: init, step, evaluate.

Beside its factory, the module of a task has an `example`: a tiny instance with
a batch, by which the contracts of all tasks are tested.
"""

from robust_jax.tasks.adda import adda
from robust_jax.tasks.domain import domain
from robust_jax.tasks.fader import fader
from robust_jax.tasks.gan import gan
from robust_jax.tasks.mcd import mcd
from robust_jax.tasks.supervised import supervised

__all__ = [
  "adda",
  "domain",
  "fader",
  "gan",
  "mcd",
  "supervised",
]
