"""Gradients of single layers in a loop, with canonicalize and without.

    python -m tests.benchmarks.bench_canonical

The unit is the same gradient in calls outside of a loop, where XLA brings
convolutions to the fast form by itself. bench_pgd times whole attacks.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax

from robust_jax.xla_cpu.canonicalize import canonicalize
from tests.benchmarks.clock import least_seconds, report

LENGTH = 3
# layer, images [B, H, W, C]
LAYERS = {
  "5x5, 1 -> 32": (nn.Conv(32, (5, 5)), (128, 28, 28, 1)),
  "5x5, 32 -> 64": (nn.Conv(64, (5, 5)), (128, 14, 14, 32)),
  "3x3, 32 -> 32, no padding": (
    nn.Conv(32, (3, 3), padding="VALID"),
    (64, 26, 26, 32),
  ),
  "4x4, 16 -> 32, stride 2": (nn.Conv(32, (4, 4), 2), (128, 14, 14, 16)),
  "3x3, 64 -> 64, 4 groups": (
    nn.Conv(64, (3, 3), feature_group_count=4),
    (32, 16, 16, 64),
  ),
  "3x3, 64, depthwise": (
    nn.Conv(64, (3, 3), feature_group_count=64),
    (32, 16, 16, 64),
  ),
}


def normal(shape):
  return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def compare(name, fn, like):
  """Times gradients of `fn` at `LENGTH` arguments like `like`."""
  like = jax.tree.map(lambda x: jnp.stack([x] * LENGTH), like)
  shape = jax.eval_shape(lambda like: lax.map(fn, like), like).shape
  arguments = like, normal(shape)

  def gradient(fn, argument):
    at, along = argument
    return jax.vjp(fn, at)[1](along)[0]

  one = jax.jit(partial(gradient, fn))
  stock = jax.jit(partial(lax.map, partial(gradient, fn)))
  fast = jax.jit(partial(lax.map, partial(gradient, canonicalize(fn))))
  each = [jax.tree.map(lambda x, i=i: x[i], arguments) for i in range(LENGTH)]
  programs = {
    "calls": lambda: [one(argument) for argument in each],
    "a loop": lambda: stock(arguments),
    "a loop, canonicalized": lambda: fast(arguments),
  }
  print(name)
  report(least_seconds(programs, repeats=3), "calls")


def main() -> None:
  print(f"jax {jax.__version__}")
  for name, (layer, shape) in LAYERS.items():
    x = normal(shape)
    variables = jax.jit(layer.init)(jax.random.key(0), x)
    compare(f"{name}: to the images", partial(layer.apply, variables), x)
    to_kernel = lambda variables, layer=layer, x=x: layer.apply(variables, x)
    compare(f"{name}: to the kernel", to_kernel, variables)
  max_pool = lambda x: nn.max_pool(x, (2, 2), (2, 2))
  compare("max pooling, 2x2", max_pool, normal((128, 28, 28, 32)))


if __name__ == "__main__":
  main()
