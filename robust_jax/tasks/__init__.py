"""Tasks: training problems as pure functions init, step and evaluate.

Besides its factory, the module of a task has a function `example`, which makes
a tiny instance and a batch for the contract tests of all tasks.
"""

from robust_jax.tasks.adda import adda
from robust_jax.tasks.domain import domain
from robust_jax.tasks.electra import electra
from robust_jax.tasks.fader import fader
from robust_jax.tasks.free import free
from robust_jax.tasks.gan import gan
from robust_jax.tasks.masked_language_model import masked_language_model
from robust_jax.tasks.mcd import mcd
from robust_jax.tasks.pix2pix import pix2pix
from robust_jax.tasks.supervised import supervised

__all__ = [
  "adda",
  "domain",
  "electra",
  "fader",
  "free",
  "gan",
  "masked_language_model",
  "mcd",
  "pix2pix",
  "supervised",
]
