"""Compilation of programs in threads, before they are needed."""

import contextlib
import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent import futures

import jax

_FEWEST_CPUS = 4  # XLA's compiler occupies two by itself


@contextlib.contextmanager
def compile_ahead(
  programs: Iterable[tuple[Hashable, Callable[[], jax.stages.Lowered]]],
  num_threads: int | None = None,
) -> Iterator[Callable[[Hashable], None]]:
  """Compiles programs in threads while the body runs.

  All programs are lowered first, one after another in the calling thread, since
  tracing holds Python's lock and depends on settings of the thread. Each is
  handed to the threads as soon as it is lowered. At the end of the body those
  that no thread has begun are dropped.

  Args:
    programs: the key of each program and the function that lowers it, in the
      order in which they will be needed.
    num_threads: the number of threads; 0 to lower and compile nothing here. By
      default it is half the number of CPUs, and 0 if there are fewer than four.

  Yields:
    A function that waits until the program of a key is compiled, so that it is
    not compiled twice, and returns at once for any other key. It raises what
    compiling raised.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.compile_ahead import compile_ahead
    >>> double, x = jax.jit(lambda x: 2 * x), jnp.ones(3)
    >>> with compile_ahead([("double", lambda: double.lower(x))], 1) as wait:
    ...   wait("double")
    ...   double(x).tolist()
    [2.0, 2.0, 2.0]
  """
  if num_threads is None:
    num_threads = _default_threads()
  if not num_threads:
    yield lambda key: None
    return
  pool = futures.ThreadPoolExecutor(num_threads, "compile_ahead")
  try:
    compiled = {key: pool.submit(lower().compile) for key, lower in programs}

    def wait(key: Hashable) -> None:
      if key in compiled:
        compiled[key].result()

    yield wait
  finally:
    pool.shutdown(wait=False, cancel_futures=True)


def _default_threads() -> int:
  cpus = (
    len(os.sched_getaffinity(0))
    if hasattr(os, "sched_getaffinity")
    else (os.cpu_count() or 1)
  )
  return cpus // 2 if cpus >= _FEWEST_CPUS else 0
