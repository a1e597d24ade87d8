"""A step of PGD adversarial training, against the passes that it is made of.

python -m tests.benchmarks.bench_training_step [model] [num_steps]
"""

import itertools
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from robust_jax import attacks, lookup, losses, perturbations, search
from robust_jax.evaluators.robustness import robustness
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses.pgd_at import pgd_at
from tests.benchmarks.bench_pgd import BATCH, EPS, MULTIPLY_ADDS
from tests.benchmarks.clock import least_seconds, report, report_rate
from tests.benchmarks.training_step import compiled_step


def main(name: str = "madry_cnn", num_steps: str = "10") -> None:
  steps = int(num_steps)
  model = lookup.find("models", name)()
  batch = {
    "x": np.random.default_rng(0).random((BATCH, 28, 28, 1), np.float32),
    "y": np.arange(BATCH, dtype=np.int32) % 10,
    "mask": np.ones(BATCH, np.float32),
  }
  attack = attacks.compose(
    search.pgd,
    perturbations.linf(EPS),
    losses.cross_entropy,
    num_steps=steps,
    step_size=0.25,
    keep="last",
  )
  task = supervised(
    model, optax.adam(1e-3), loss=pgd_at(attack), evaluator=robustness()
  )
  train, held = compiled_step(task, itertools.repeat(batch))
  start = time.perf_counter()
  jax.block_until_ready(train())
  print(f"first step, with compilation: {time.perf_counter() - start:.1f} s")

  x, labels = jnp.asarray(batch["x"]), jnp.asarray(batch["y"])
  # A copy: the step is given the memory of its state.
  variables = {"params": jax.tree.map(jnp.copy, held["state"].params)}

  def loss(variables, x):
    return losses.cross_entropy(model.apply(variables, x), labels).mean()

  to_input, to_params = jax.jit(jax.grad(loss, 1)), jax.jit(jax.grad(loss))

  def passes():
    for _ in range(steps):
      last = to_input(variables, x)
    return last, to_params(variables, x)

  parts = f"{steps} input gradients + 1 to parameters"
  seconds = least_seconds({parts: passes, "PGD-AT step": train})
  print(f"{name}, batch {BATCH}, {steps} attack steps, jax {jax.__version__}")
  report(seconds, parts)
  # A parameter gradient costs a forward pass and two backward ones.
  flop = 2 * MULTIPLY_ADDS[name] * BATCH * (2 * steps + 3)
  report_rate("PGD-AT step", flop, seconds["PGD-AT step"])


if __name__ == "__main__":
  main(*sys.argv[1:])
