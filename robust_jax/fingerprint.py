"""Digests that identify the question a saved result answers.

A saved result may only be used if everything that determines it is the same.
Arrays are identified by their contents, and functions by what they compute: the
traced program with all arrays that the function closes over.
"""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.extend import core

from robust_jax.types import PyTree

_DIGITS = 16
# Names, source positions and devices of a program do not change its result.
_NAMES = (
  "name",
  "debug_info",
  "ctx_mesh",
  "jvp_jaxpr_fun",
  "fwd_jaxpr_thunk",
  "bwd",
)
_PLAIN = (str, int, float, bool, bytes, type(None), np.generic)


def of_arrays(tree: PyTree) -> str:
  """Digest of a pytree: structure, and dtype, shape and values of leaves.

  Args:
    tree: arrays, typed keys, numbers and strings.

  Returns:
    16 hexadecimal digits.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import fingerprint
    >>> a, b = jnp.arange(3), jnp.arange(3.0)  # integers, floats
    >>> fingerprint.of_arrays(a) == fingerprint.of_arrays(b)
    False
  """
  leaves, structure = jax.tree.flatten(tree)
  digest = hashlib.sha256(_without_addresses(str(structure)).encode())
  for leaf in leaves:
    _add_array(digest, leaf)
  return digest.hexdigest()[:_DIGITS]


def of_function(fn: Callable[..., PyTree], *args: PyTree) -> str:
  """Digest of what `fn` computes on arguments of these shapes and dtypes.

  `fn` is traced, not run. New closures over equal arrays have the same digest;
  another constant, operation, precision or derivative rule changes it.

  Args:
    fn: a function that JAX can trace.
    *args: pytrees of arrays or of `jax.ShapeDtypeStruct`.

  Returns:
    16 hexadecimal digits. A host callback is identified by its code and the
    values it closes over.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import fingerprint
    >>> scale = lambda c: lambda x: c * x
    >>> of = lambda fn: fingerprint.of_function(fn, jnp.ones(3))
    >>> of(scale(2.0)) == of(scale(2.0)), of(scale(2.0)) == of(scale(3.0))
    (True, False)
  """
  digest = hashlib.sha256()
  _add_closed(digest, jax.make_jaxpr(fn)(*args))
  # A custom derivative is a separate function and shows in the gradient.
  try:
    _add_closed(digest, jax.make_jaxpr(_pullback_of_ones(fn))(*args))
  except (NotImplementedError, TypeError, ValueError):
    digest.update(b"no derivative")
  return digest.hexdigest()[:_DIGITS]


def of_model(model: Callable[..., PyTree], x: PyTree) -> str:
  """Digest of a trained model, whatever the precision of matrix products.

  Args:
    model: the model, of which parameters and program count.
    x: examples, or their shapes, of which the first is taken.

  Returns:
    16 hexadecimal digits, see `of_function`.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import fingerprint
    >>> fn, x = lambda x: x @ jnp.ones((3, 2)), jnp.ones((4, 3))
    >>> with jax.default_matmul_precision("bfloat16"):
    ...   digest = fingerprint.of_model(fn, x)
    >>> digest == fingerprint.of_model(fn, x)
    True
  """
  one = jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype), x
  )
  with jax.default_matmul_precision("highest"):
    return of_function(model, one)


def refuse_other(
  there: Mapping[str, str], here: Mapping[str, str], what: str, remedy: str
) -> None:
  """Refuses to continue from a result that belongs to another question.

  Args:
    there: name -> digest or text of each part that determined the saved result.
    here: name -> digest or text of each part now.
    what: name of the saved result, for the message, such as "audit_state.npz".
    remedy: what to do about it, such as "Give another directory."

  Raises:
    ValueError: they differ; the message names each part that does.
  """
  differing = [
    name for name in {**here, **there} if there.get(name) != here.get(name)
  ]
  if differing:
    raise ValueError(
      f"{what} holds the state of another run: {', '.join(differing)} "
      f"{'differs' if len(differing) == 1 else 'differ'}. {remedy}"
    )


def _pullback_of_ones(fn):
  def pullback(*args):
    outputs, pull = jax.vjp(fn, *args)
    return pull(jax.tree.map(_ones, outputs))

  return pullback


def _ones(output):
  if np.issubdtype(output.dtype, np.inexact) or output.dtype.name == "bfloat16":
    return np.ones(output.shape, output.dtype)
  return np.zeros(output.shape, jax.dtypes.float0)


def _add_array(digest, leaf) -> None:
  if isinstance(leaf, str):
    digest.update(repr(leaf).encode())
    return
  if hasattr(leaf, "dtype") and jax.dtypes.issubdtype(
    leaf.dtype, jax.dtypes.prng_key
  ):
    digest.update(str(leaf.dtype).encode())
    leaf = jax.random.key_data(leaf)
  array = np.asarray(leaf)
  digest.update(f"{array.dtype}{array.shape}".encode())
  if array.dtype == object:  # its bytes would be addresses
    digest.update(_without_addresses(repr(array.tolist())).encode())
  else:
    digest.update(np.ascontiguousarray(array).tobytes())


def _add_closed(digest, closed: core.ClosedJaxpr) -> None:
  _add_jaxpr(digest, closed.jaxpr)
  for constant in closed.consts:
    _add_array(digest, constant)


def _add_jaxpr(digest, jaxpr: core.Jaxpr) -> None:
  numbers: dict[Any, int] = {}

  def add(variable):
    if isinstance(variable, core.Literal):
      _add_array(digest, variable.val)
      return
    number = numbers.setdefault(variable, len(numbers))
    digest.update(f"v{number}:{variable.aval.str_short()};".encode())

  for var in (*jaxpr.constvars, *jaxpr.invars):
    add(var)
  for equation in jaxpr.eqns:
    digest.update(equation.primitive.name.encode())
    for atom in (*equation.invars, *equation.outvars):
      add(atom)
    for name, value in sorted(equation.params.items()):
      if name not in _NAMES:
        digest.update(name.encode())
        _add_parameter(digest, value)
  for atom in jaxpr.outvars:
    add(atom)


def _add_parameter(digest, value: Any) -> None:
  """Adds a parameter of an equation, or a value that a callback closes over."""
  if isinstance(value, core.ClosedJaxpr):
    _add_closed(digest, value)
  elif isinstance(value, core.Jaxpr):
    _add_jaxpr(digest, value)
  elif isinstance(value, np.ndarray | jax.Array):
    _add_array(digest, value)
  elif isinstance(value, tuple | list):
    digest.update(f"{type(value).__name__}{len(value)}".encode())
    for part in value:
      _add_parameter(digest, part)
  elif isinstance(value, Mapping):
    for name in sorted(value, key=str):
      digest.update(str(name).encode())
      _add_parameter(digest, value[name])
  elif callable(value) and not isinstance(value, type):
    _add_callable(digest, value)
  else:
    digest.update(_without_addresses(repr(value)).encode())


def _add_callable(digest, fn: Callable) -> None:
  """Adds the code of a host function, and the values and arrays it holds."""
  if isinstance(fn, functools.partial):
    _add_parameter(digest, (fn.args, fn.keywords))
    _add_callable(digest, fn.func)
    return
  digest.update(getattr(fn, "__qualname__", type(fn).__qualname__).encode())
  code = getattr(fn, "__code__", None)
  if code is None:
    # An object with fields, such as JAX's wrapper of a callback.
    for name, held in sorted(_fields(fn).items()):
      digest.update(name.encode())
      _add_held(digest, held)
    return
  digest.update(code.co_code)
  digest.update(_without_addresses(repr(code.co_consts)).encode())
  for cell in fn.__closure__ or ():
    _add_held(digest, cell.cell_contents)


def _fields(fn: Callable) -> dict[str, Any]:
  if dataclasses.is_dataclass(fn):
    return {f.name: getattr(fn, f.name) for f in dataclasses.fields(fn)}
  return dict(getattr(fn, "__dict__", {}))


def _add_held(digest, held: Any) -> None:
  known = (*_PLAIN, tuple, list, dict, np.ndarray, jax.Array)
  if isinstance(held, known) or callable(held):
    _add_parameter(digest, held)
  else:
    digest.update(type(held).__qualname__.encode())


def _without_addresses(text: str) -> str:
  return re.sub(r" at 0x[0-9a-f]+", "", text)
