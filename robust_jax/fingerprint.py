"""Digests that say whether a saved result answers the question asked now.

A result may be taken up again only where everything that determines it is the
same. Arrays are told apart by their contents, functions by what they compute:
the traced program, together with every array that the function closes over.
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
# What a program is called, where it was written and on which devices it runs is
# not what it computes.
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
  """Digest of a pytree: its structure, and each leaf's dtype, shape and values.

  Args:
    tree: arrays, typed keys, numbers and strings.

  Returns:
    16 hexadecimal digits.
  """
  leaves, structure = jax.tree.flatten(tree)
  digest = hashlib.sha256(_without_addresses(str(structure)).encode())
  for leaf in leaves:
    _add_array(digest, leaf)
  return digest.hexdigest()[:_DIGITS]


def of_function(fn: Callable[..., PyTree], *args: PyTree) -> str:
  """Digest of what `fn` computes on arguments of these shapes and dtypes.

  `fn` is traced and not run. Closures made anew over equal arrays have the same
  digest; another constant, operation, precision or derivative rule gives
  another one.

  Args:
    fn: a function that jax can trace.
    *args: pytrees of arrays or of `jax.ShapeDtypeStruct`.

  Returns:
    16 hexadecimal digits. A function that leaves jax by a host callback is
    known by the callback's code and the values it closes over.
  """
  digest = hashlib.sha256()
  _add_closed(digest, jax.make_jaxpr(fn)(*args))
  # A custom derivative is a function of its own: it shows in the gradient.
  try:
    _add_closed(digest, jax.make_jaxpr(_pullback_of_ones(fn))(*args))
  except (NotImplementedError, TypeError, ValueError):
    digest.update(b"no derivative")
  return digest.hexdigest()[:_DIGITS]


def refuse_other(
  there: Mapping[str, str], here: Mapping[str, str], what: str, remedy: str
) -> None:
  """Refuses to go on from a result that belongs to another question.

  Args:
    there: name -> digest or text of each part that determined what is saved.
    here: the same of what is asked now.
    what: what is saved, for the message: "attack_state.npz".
    remedy: what to do about it: "give another directory".

  Raises:
    ValueError: they differ; the message names every part that does.
  """
  differing = [
    name for name in here | there if there.get(name) != here.get(name)
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
  if array.dtype == object:  # else its bytes would be addresses
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

  for variable in (*jaxpr.constvars, *jaxpr.invars):
    add(variable)
  for equation in jaxpr.eqns:
    digest.update(equation.primitive.name.encode())
    for variable in (*equation.invars, *equation.outvars):
      add(variable)
    for name, value in sorted(equation.params.items()):
      if name not in _NAMES:
        digest.update(name.encode())
        _add_parameter(digest, value)
  for variable in jaxpr.outvars:
    add(variable)


def _add_parameter(digest, value: Any) -> None:
  """A parameter of an equation, or a value that a callback closes over."""
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
  """The code of a host function, and the plain values and arrays it holds."""
  if isinstance(fn, functools.partial):
    _add_parameter(digest, (fn.args, fn.keywords))
    _add_callable(digest, fn.func)
    return
  digest.update(getattr(fn, "__qualname__", type(fn).__qualname__).encode())
  code = getattr(fn, "__code__", None)
  if code is None:
    # An object with fields, such as the one that jax puts around a callback.
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
