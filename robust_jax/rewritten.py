"""Functions whose traced program is rewritten before it runs."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend import core

from robust_jax.types import PyTree


def rewritten(
  fn: Callable[..., PyTree],
  rewrite: Callable[[core.ClosedJaxpr], core.ClosedJaxpr],
) -> Callable[..., PyTree]:
  """Makes the function that the rewritten program of another computes.

  `fn` is traced at every call, as in `jax.grad`: apply `jax.jit` outside.
  Arrays among the arguments are traced; other leaves (Python numbers, strings)
  are passed to `fn` as they are.

  Args:
    fn: the function.
    rewrite: the jaxpr of `fn` in its arrays -> one with the same inputs and
      outputs. What `fn` closes over are its constants, tracers included.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.rewritten import rewritten
    >>> rewritten(lambda x: 2 * x, lambda jaxpr: jaxpr)(jnp.ones(2))
    Array([2., 2.], dtype=float32)
  """

  @functools.wraps(fn)
  def call(*args, **kwargs):
    arrays, put_inputs = _split((args, kwargs))
    put_outputs = None

    def on_arrays(*arrays):
      nonlocal put_outputs
      args, kwargs = put_inputs(arrays)
      outputs, put_outputs = _split(fn(*args, **kwargs))
      return outputs

    jaxpr = rewrite(jax.make_jaxpr(on_arrays)(*arrays))
    return put_outputs(core.jaxpr_as_fun(jaxpr)(*arrays))

  return call


def _split(tree: PyTree) -> tuple[list, Callable[[Sequence], PyTree]]:
  """The arrays of a tree, and the function that replaces them by others."""
  leaves, treedef = jax.tree.flatten(tree)
  arrays: dict[int, Any] = {}
  others: dict[int, Any] = {}
  for i, leaf in enumerate(leaves):
    is_array = isinstance(leaf, jax.Array | np.ndarray | np.generic)
    (arrays if is_array else others)[i] = leaf
  places = list(arrays)

  def put(arrays):
    filled = others | dict(zip(places, arrays, strict=True))
    return treedef.unflatten(filled[i] for i in sorted(filled))

  return list(arrays.values()), put
