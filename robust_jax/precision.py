"""Precision: what models compute in, and how exactly they multiply.

`config.precision` names the first, for all models of a run. Parameters,
BatchNorm statistics and their arithmetic, the last layer of a model, softmax,
losses, the optimizer, inputs and perturbations are float32 in any case: in
bfloat16 a step of 0.5/255 would be 0 or 1/256, and logits of 10 would be 1/16
apart.

The second is JAX's `default_matmul_precision`, which says how float32 numbers
are multiplied. By default GPUs round them to TF32, with relative errors of
3e-4: good enough to train, not to measure robustness by.
"""

import contextlib
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
from jax.extend import core
from jax.typing import DTypeLike

from robust_jax.types import PyTree

_OPTION = "jax_default_matmul_precision"
_DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}
_PRODUCTS = ("conv_general_dilated", "dot_general")


def compute_dtype(name: str) -> DTypeLike:
  """The dtype that models compute in.

  Args:
    name: "float32" or "bfloat16".

  Raises:
    ValueError: it is neither.

  Example:
    >>> from robust_jax import precision
    >>> precision.compute_dtype("bfloat16").__name__
    'bfloat16'
  """
  if name not in _DTYPES:
    raise ValueError(
      f"precision = {name!r}: expected one of {', '.join(_DTYPES)}."
    )
  return _DTYPES[name]


@contextlib.contextmanager
def evaluation() -> Iterator[None]:
  """Multiplies at the highest precision inside, unless JAX is told otherwise.

  It is told by `jax.default_matmul_precision`, by the environment variable
  JAX_DEFAULT_MATMUL_PRECISION, or on the command line by --matmul_precision.
  A context, or a decorator as `@precision.evaluation()`. Programs that were
  compiled at another precision are compiled anew.
  """
  told = getattr(jax.config, _OPTION)
  with jax.default_matmul_precision(told or "highest"):
    yield


def matmul_precision() -> str:
  """How exactly float32 numbers are multiplied here: "highest", "default"..."""
  return getattr(jax.config, _OPTION) or "default"


def products(fn: Callable[..., PyTree], *args: PyTree) -> list[str]:
  """The dtypes that a function multiplies, read off its program.

  Args:
    fn: a function that JAX can trace; it is not run.
    *args: pytrees of arrays or of `jax.ShapeDtypeStruct`.

  Returns:
    The dtype of each convolution and matrix product, in the program's order.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import precision
    >>> half = lambda x: x.astype(jnp.bfloat16) @ jnp.ones((4, 2), jnp.bfloat16)
    >>> precision.products(half, jnp.ones((3, 4)))
    ['bfloat16']
  """
  return list(_products(jax.make_jaxpr(fn)(*args).jaxpr))


def computed_in(fn: Callable[..., PyTree], *args: PyTree) -> str:
  """The dtypes of `products`, each once, for a report: "bfloat16, float32"."""
  return ", ".join(dict.fromkeys(products(fn, *args))) or "no products"


def _products(jaxpr: core.Jaxpr) -> Iterator[str]:
  """The dtype of each product of a program and of those within it."""
  for eqn in jaxpr.eqns:
    if eqn.primitive.name.endswith(_PRODUCTS):
      yield jnp.result_type(*(v.aval.dtype for v in eqn.invars)).name
    for inner in core.jaxprs_in_params(eqn.params):
      yield from _products(inner)
