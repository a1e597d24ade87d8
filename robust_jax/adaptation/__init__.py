"""Alignments: methods that make the representations of two domains alike.

A method is one function that returns an `Alignment`: a discrepancy between the
domains, which training minimizes, or the loss of an adversary that tells
domains apart, which training maximizes. `tasks.domain` trains with any of them.
"""

from robust_jax.adaptation.cdan import cdan
from robust_jax.adaptation.cmd import cmd
from robust_jax.adaptation.coral import coral
from robust_jax.adaptation.dann import dann
from robust_jax.adaptation.mmd import mmd
from robust_jax.adaptation.source_only import source_only

__all__ = [
  "cdan",
  "cmd",
  "coral",
  "dann",
  "mmd",
  "source_only",
]
