"""Where attacks and training steps apply `canonicalize` by themselves."""

from collections.abc import Callable

import jax

from robust_jax.canonical import canonicalize


def canonicalize_on_cpu(fn: Callable) -> Callable:
  """`canonicalize(fn)` on the CPU backend, `fn` itself on any other."""
  return canonicalize(fn) if jax.default_backend() == "cpu" else fn
