"""A step of FreeLB-K, against K bare forward and backward passes.

    python -m tests.benchmarks.bench_freelb [K] [WIDTH] [DEPTH]

The unit is K calls of one compiled gradient to the parameters, that of the
cross-entropy of a text Transformer in training, and one update of Adam. The
step is that of `tasks.supervised`, optimizer and metrics included. Both are
timed in the same run, interleaved, in seconds of the processors.
"""

import functools
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from robust_jax import losses, parallel
from robust_jax.evaluators.robustness import robustness
from robust_jax.models import TextTransformer
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses import erm, freelb
from robust_jax.training_losses.forward import model_forward
from robust_jax.types import TrainingLoss
from tests.benchmarks.clock import least_seconds, report

BATCH, LENGTH, VOCABULARY, KEY = 32, 64, 8000, jax.random.key(0)


def main(passes: str = "3", width: str = "128", depth: str = "2") -> None:
  num_passes = int(passes)
  model = TextTransformer(
    vocabulary_size=VOCABULARY, width=int(width), depth=int(depth)
  )
  sizes = {"step_size": 0.1, "init_magnitude": 0.5, "radius": 0.4}
  free = functools.partial(freelb, model.width, num_passes=num_passes, **sizes)
  unit = f"{num_passes} passes and an update"
  programs = {
    unit: bare_passes(model, num_passes),
    "standard step": step_of(model, erm()),
    f"FreeLB-{num_passes} step": step_of(model, free()),
    "with fresh dropout": step_of(model, free(fresh_dropout=True)),
  }
  seconds = least_seconds(programs, repeats=9, clock=time.process_time)
  print(
    f"Transformer of width {width} and depth {depth}, {BATCH} texts of "
    f"{LENGTH} tokens, jax {jax.__version__}"
  )
  report(seconds, unit)


def bare_passes(model: TextTransformer, num_passes: int):
  """K gradients to the parameters, and an update by the last."""
  optimizer, rows = optax.adam(1e-4), batch()
  state = initial(model, erm())

  @jax.jit
  def gradient(params):
    def mean_loss(params):
      logits, _ = model_forward(model, params, state).train(KEY, rows["x"])
      return losses.cross_entropy(logits, rows["y"]).mean()

    return jax.value_and_grad(mean_loss)(params)

  update = jax.jit(optimizer.update)
  opt_state = optimizer.init(state.params)

  def run():
    for _ in range(num_passes):
      _, grads = gradient(state.params)
    return update(grads, opt_state, state.params)

  return run


def step_of(model: TextTransformer, loss: TrainingLoss):
  """The compiled step, which keeps its state."""
  step = parallel.pmap_step(task_of(model, loss).step)
  held = {"state": parallel.replicate(initial(model, loss))}

  def run():
    held["state"], metrics = step(held["state"], (), batch(), KEY)
    return metrics

  return run


def task_of(model: TextTransformer, loss: TrainingLoss):
  return supervised(model, optax.adam(1e-4), loss=loss, evaluator=robustness())


def initial(model: TextTransformer, loss: TrainingLoss):
  return jax.jit(task_of(model, loss).init)(KEY, batch())


@functools.cache
def batch():
  """Texts of random tokens, half of them of half the length."""
  rng = np.random.default_rng(0)
  lengths = np.where(np.arange(BATCH) % 2, LENGTH, LENGTH // 2)
  mask = np.arange(LENGTH) < lengths[:, None]
  tokens = rng.integers(5, VOCABULARY, (BATCH, LENGTH), np.int32) * mask
  return {
    "x": {"tokens": jnp.asarray(tokens, jnp.int32), "mask": jnp.asarray(mask)},
    "y": jnp.arange(BATCH) % 2,
    "mask": jnp.ones(BATCH),
  }


if __name__ == "__main__":
  main(*sys.argv[1:])
