"""PGD-40 as one program, against its 40 gradients called one by one.

    python -m tests.benchmarks.bench_pgd [madry_cnn|small_cnn]

Also: without canonicalize, and torchattacks on the same weights where torch and
torchattacks are installed (neither is a requirement).
"""

import importlib.util
import sys

import jax
import jax.numpy as jnp

from robust_jax import attacks, lookup, losses, perturbations, search
from robust_jax.xla_cpu.canonicalize import canonicalize
from tests.benchmarks.clock import least_seconds, report, report_rate
from tests.benchmarks.torch_network import to_torch, torch_network

EPS, NUM_STEPS, BATCH = 0.3, 40, 128
# Multiply-adds of a forward pass on 28x28x1, by hand; a backward pass to the
# input costs as much, except in the first layer's bias.
MULTIPLY_ADDS = {
  "madry_cnn": 28**2 * 25 * 32 + 14**2 * 25 * 32 * 64 + 3136 * 1024 + 10240,
  "small_cnn": 14**2 * 16 * 16 + 7**2 * 256 * 32 + 1568 * 100 + 1000,
}


def programs(model, variables, x, labels):
  key = jax.random.key(0)
  attack = attacks.compose(
    search.pgd,
    perturbations.linf(EPS),
    losses.cross_entropy,
    num_steps=NUM_STEPS,
    step_size=1 / 30,
  )
  logits_fn = jax.tree_util.Partial(model.apply, variables)
  compiled = jax.jit(attack)

  def stock(key, logits_fn, x, labels):
    objective = lambda x: losses.cross_entropy(logits_fn(x), labels)
    pset = perturbations.linf(EPS)
    result = search.pgd(
      key, objective, pset, x, num_steps=NUM_STEPS, step_size=1 / 30
    )
    return pset.apply(x, result.delta)

  def total_loss(variables, x):
    return losses.cross_entropy(model.apply(variables, x), labels).sum()

  gradient = jax.jit(jax.grad(total_loss, 1))
  fast_gradient = jax.jit(jax.grad(canonicalize(total_loss), 1))
  stock = jax.jit(stock)

  def one_by_one(gradient):
    def run():
      for _ in range(NUM_STEPS):
        last = gradient(variables, x)
      return last

    return run

  return {
    "40 jitted gradients": one_by_one(gradient),
    "40 jitted gradients, canonicalized": one_by_one(fast_gradient),
    "PGD-40": lambda: compiled(key, logits_fn, x, labels),
    "PGD-40 without canonicalize": lambda: stock(key, logits_fn, x, labels),
  }


def torchattacks_program(name, variables, x, labels):
  """The same network with the same weights under torchattacks.PGD."""
  import torchattacks

  attack = torchattacks.PGD(
    torch_network(name, variables["params"]),
    eps=EPS,
    alpha=EPS / 30,
    steps=NUM_STEPS,
    random_start=True,
  )
  inputs = to_torch(x, labels)
  return lambda: attack(*inputs).numpy()


def main(name: str = "madry_cnn") -> None:
  model = lookup.find("models", name)()
  x = jax.random.uniform(jax.random.key(1), (BATCH, 28, 28, 1))
  labels = jnp.arange(BATCH) % 10
  variables = jax.jit(model.init)(jax.random.key(2), x)
  timed = programs(model, variables, x, labels)
  if importlib.util.find_spec("torchattacks"):
    timed["torchattacks PGD-40"] = torchattacks_program(
      name, variables, x, labels
    )
  seconds = least_seconds(timed)
  print(f"{name}, batch {BATCH}, Linf, jax {jax.__version__}")
  report(seconds, "40 jitted gradients")
  # 40 forward and backward passes, and two forward passes to score.
  flop = 2 * MULTIPLY_ADDS[name] * BATCH * (2 * NUM_STEPS + 2)
  report_rate("PGD-40", flop, seconds["PGD-40"])


if __name__ == "__main__":
  main(*sys.argv[1:])
