"""Precision: the dtype that models compute in, and that of matrix products.

`config.precision` sets the first, for all models of a run. Parameters,
BatchNorm statistics and their arithmetic, the last layer of a model, softmax,
losses, the optimizer, inputs and perturbations are always float32: in bfloat16
a step of 0.5/255 would be 0 or 1/256, and logits of 10 would be 1/16 apart.

The second is JAX's `default_matmul_precision`, the precision of products of
float32 numbers. By default GPUs round them to TF32, with relative errors of
3e-4, which is sufficient for training but not for measuring robustness.
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
  """Multiplies at the highest precision inside, unless JAX is configured.

  JAX is configured by `jax.default_matmul_precision`, by the environment
  variable JAX_DEFAULT_MATMUL_PRECISION, or on the command line by
  --matmul_precision. The result is a context manager, and a decorator as
  `@precision.evaluation()`. Programs compiled at another precision are compiled
  anew.

  Example:
    >>> from robust_jax import precision
    >>> with precision.evaluation():
    ...   precision.matmul_precision()
    'highest'
  """
  with jax.default_matmul_precision(_configured() or "highest"):
    yield


def matmul_precision() -> str:
  """The precision of float32 products here: "highest", "default", ..."""
  return _configured() or "default"


def _configured() -> str | None:
  return jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]


def products(fn: Callable[..., PyTree], *args: PyTree) -> list[str]:
  """The dtypes of the products in a function, read from its traced program.

  Args:
    fn: a function that JAX can trace; it is not run.
    *args: pytrees of arrays or of `jax.ShapeDtypeStruct`.

  Returns:
    The dtype of each convolution and matrix product, in the order of the
    program.

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
  """Yields the dtype of each product of a program and of its subprograms."""
  for eqn in jaxpr.eqns:
    if eqn.primitive.name.endswith(_PRODUCTS):
      dtypes = [v.aval.dtype for v in eqn.invars]  # type: ignore[attr-defined]
      yield jnp.result_type(*dtypes).name
    for inner in core.jaxprs_in_params(eqn.params):
      yield from _products(inner)
