"""The rate of a matrix product, which bounds that of a network."""

import functools
import time

import jax
import jax.numpy as jnp

from robust_jax import parallel

_REPEATS = 5
_SIZE_ON_CPU, _SIZE = 1024, 4096


@functools.cache
def matmul_rate(
  dtype: str, size: int | None = None, precision: str | None = None
) -> float:
  """Measures the FLOP/s of a square matrix product on all local devices.

  The least time of five counts. It takes about 0.2 seconds and, on an
  accelerator, three matrices of 4096 x 4096 (200 MB in float32). It is measured
  once in a process.

  Args:
    dtype: dtype of the factors, "float32" or "bfloat16".
    size: rows of the matrices; 1024 on CPUs and 4096 elsewhere by default.
    precision: of float32 products, see `jax.default_matmul_precision`; that of
      JAX's configuration by default.

  Returns:
    The sum over the devices of this process.

  Example:
    >>> from robust_jax.training.matmul_rate import matmul_rate
    >>> matmul_rate("float32", size=128) > 0
    True
  """
  if size is None:
    size = _SIZE_ON_CPU if jax.default_backend() == "cpu" else _SIZE
  devices = jax.local_device_count()
  factors = parallel.spread(jnp.ones((devices, size, size), dtype))
  product = jax.jit(lambda a: jnp.matmul(a, a, precision=precision))
  jax.block_until_ready(product(factors))
  seconds = []
  for _ in range(_REPEATS):
    start = time.perf_counter()
    jax.block_until_ready(product(factors))
    seconds.append(time.perf_counter() - start)
  return 2 * devices * size**3 / min(seconds)
