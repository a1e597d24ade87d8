"""Jitted functions with functions as arguments, in a bounded cache.

`jax.jit` keeps every program as long as the jitted function exists. If an
argument is a function, such as a model, each new closure adds a program of tens
of megabytes permanently. Here each function is jitted together with the
functions among its arguments, and the least recently used ones are dropped with
all their compiled programs.
"""

import functools
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend import core

from robust_jax.types import PyTree

# AutoAttack on one model makes twelve of them, five of which are not compiled.
KEPT = 48
TRACED = (jax.Array, np.ndarray, np.generic, int, float, complex)
"""Types of leaves that are traced, and not part of a program."""


def call(fn: Callable[..., PyTree], *args: PyTree) -> PyTree:
  """Calls `fn(*args)`, compiled.

  Arrays and numbers among the leaves of the arguments are traced. All other
  leaves, in particular functions, are part of the program, and a new one is
  compiled anew. A `jax.tree_util.Partial` is a pytree of its arrays, so that
  other arrays of the same shapes do not recompile.

  Args:
    fn: a pure function, the same object at every call.
    *args: its arguments.

  Raises:
    ValueError: `fn` changes an argument, such as a module of `flax.nnx` in
      training mode.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import bounded_jit
    >>> apply = lambda fn, x: fn(x)
    >>> bounded_jit.call(apply, jnp.sum, jnp.ones(3))
    Array(3., dtype=float32)
  """
  program, arrays = _split(fn, args)
  return program(arrays)


def eval_shape(fn: Callable[..., PyTree], *args: PyTree) -> PyTree:
  """Shapes and dtypes of `fn(*args)`, which is traced once and not run."""
  program, arrays = _split(fn, args)
  return program.eval_shape(arrays)


def jaxpr(fn: Callable[..., PyTree], *args: PyTree) -> core.ClosedJaxpr:
  """The jaxpr of `fn(*args)`, which is traced once and not compiled."""
  program, arrays = _split(fn, args)
  return program.trace(arrays).jaxpr


def lower(fn: Callable[..., PyTree], *args: PyTree) -> jax.stages.Lowered:
  """The lowered program: once it is compiled, `call` does not compile it."""
  program, arrays = _split(fn, args)
  return program.lower(arrays)


class _Part(NamedTuple):
  """A leaf that is part of the program, identified by its key."""

  key: Hashable
  value: Any

  def __eq__(self, other):
    return self.key == other.key

  def __hash__(self):
    return hash(self.key)


def _split(fn, args):
  leaves, treedef = jax.tree.flatten(args)
  arrays = {i: v for i, v in enumerate(leaves) if isinstance(v, TRACED)}
  parts = [(i, _part(v)) for i, v in enumerate(leaves) if i not in arrays]
  return _program(fn, treedef, tuple(parts)), arrays


def _part(value: Any) -> _Part:
  try:
    hash(value)
  except TypeError:  # such as bound flax modules
    return _Part(id(value), value)
  return _Part(value, value)


@functools.lru_cache(maxsize=KEPT)
def _program(fn, treedef, parts):
  def run(arrays):
    leaves = arrays | {i: part.value for i, part in parts}
    args = treedef.unflatten(leaves[i] for i in sorted(leaves))
    before = jax.tree.leaves(args)
    result = fn(*args)
    _refuse_changes(before, jax.tree.leaves(args))
    return result

  return jax.jit(run)


def _refuse_changes(before, after):
  """Refuses models that are objects and were changed by their call."""
  same = len(before) == len(after) and all(
    new is old or not isinstance(new, jax.core.Tracer)
    for old, new in zip(before, after, strict=True)
  )
  if not same:
    raise ValueError(
      "the model changes its own arrays when it is called, as BatchNorm and "
      "dropout do in training: expected a frozen model. Of flax.nnx, call "
      "model.eval() first."
    )
