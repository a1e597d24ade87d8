"""Compiled functions whose arguments may be functions, kept in bounded number.

`jax.jit` keeps every program for as long as the jitted function lives. Where an
argument is a function, such as a model, each new closure is one more program,
of tens of megabytes, for good. Here every function, together with the functions
among its arguments, is jitted by itself, and those that were not used for
longest are dropped, with all that was compiled for them.
"""

import functools
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core

from robust_jax.types import PyTree

# AutoAttack on one model makes twelve of them, five not to be compiled.
KEPT = 48
_TRACED = (jax.Array, np.ndarray, np.generic, int, float, complex)


def call(fn: Callable[..., PyTree], *args: PyTree) -> PyTree:
  """`fn(*args)`, compiled.

  Arrays and numbers among the leaves of the arguments are traced. All other
  leaves, functions above all, are part of the program: another one compiles
  anew. A `jax.tree_util.Partial` is a pytree of the arrays that it is applied
  to, so that other arrays of the same shapes do not.

  Args:
    fn: a pure function, the same object at every call.
    *args: its arguments.
  """
  program, arrays = _split(fn, args)
  return program(arrays)


def eval_shape(fn: Callable[..., PyTree], *args: PyTree) -> PyTree:
  """Shapes and dtypes of what `fn(*args)` returns; traced once, not run."""
  program, arrays = _split(fn, args)
  return program.eval_shape(arrays)


def jaxpr(fn: Callable[..., PyTree], *args: PyTree) -> core.ClosedJaxpr:
  """The jaxpr of `fn(*args)`; traced once, not compiled."""
  program, arrays = _split(fn, args)
  return program.trace(arrays).jaxpr


class _Part(NamedTuple):
  """A leaf that is part of the program, known by its key."""

  key: Hashable
  value: Any

  def __eq__(self, other):
    return self.key == other.key

  def __hash__(self):
    return hash(self.key)


def _split(fn, args):
  leaves, treedef = jax.tree.flatten(args)
  arrays = {i: v for i, v in enumerate(leaves) if isinstance(v, _TRACED)}
  parts = [(i, _part(v)) for i, v in enumerate(leaves) if i not in arrays]
  return _program(fn, treedef, tuple(parts)), arrays


def _part(value: Any) -> _Part:
  try:
    hash(value)
  except TypeError:  # as of flax modules that are bound to their variables
    return _Part(id(value), value)
  return _Part(value, value)


@functools.lru_cache(maxsize=KEPT)
def _program(fn, treedef, parts):
  def run(arrays):
    leaves = arrays | {i: part.value for i, part in parts}
    return fn(*treedef.unflatten(leaves[i] for i in sorted(leaves)))

  return jax.jit(run)
