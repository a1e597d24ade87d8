"""Passes through the model in a training step of a config."""

import jax
from ml_collections import ConfigDict

from experiments import build
from robust_jax import parallel
from robust_jax.attacks.cost import count_step_calls


def step_passes(config: ConfigDict) -> dict[str, float]:
  """Counts the passes through the model of a training step, per example.

  It reads the dataset, and traces the step without running it.

  Args:
    config: config of a run. One of texts names a trained tokenizer, see
      `build.text_data.with_tokenizer`.

  Returns:
    "forward" and "backward".
  """
  task, training, _, _ = build.experiment(config)
  rows = next(iter(training.indices(0)))
  key = jax.eval_shape(lambda: jax.random.key(0))
  batch = jax.eval_shape(training.decode, training.device_data, rows)
  state = jax.eval_shape(task.init, key, batch)
  step = parallel.simulate_step(task.step, 1, training.decode)
  calls = count_step_calls(
    step, config.training.batch_size, state, training.device_data, rows, key
  )
  return calls._asdict()
