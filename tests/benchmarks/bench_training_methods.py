"""A step of each method of robust training, against the passes it is made of.

    python -m tests.benchmarks.bench_training_methods [model] [METHOD ...]

The unit is the sum of separately compiled passes of the same network on the
same batch, 128 images of 28x28x1: a whole step of standard training, optimizer
included, and for the others forward passes, gradients to the input, to the
parameters or to both. They are compiled as those of a step are
(`canonicalize`), and timed in the same run, interleaved, in seconds of the
processors.
"""

import functools
import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from experiments import build
from experiments.build.with_overrides import with_overrides
from experiments.configs import common, robust_training
from robust_jax import losses
from robust_jax.training_losses.forward import model_forward
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu
from tests.benchmarks.clock import least_seconds
from tests.benchmarks.training_step import KEY, compiled_step

EPS, BATCH, NUM_STEPS = 0.1, 128, 1000
FACTS = {"num_classes": 10, "image_shape": (28, 28, 1)}
NARROW = {
  "small_cnn": {},
  "preact_resnet": {"num_blocks": (1, 1, 1), "width": 16},
}
# Passes beside one step of standard training, by hand. "slope" is a gradient to
# the input in training that is differentiated in the parameters itself.
MADE_OF = {
  "standard": {},
  "pgd_at": {"input": 10},
  "rs_fgsm": {"input": 1},
  "n_fgsm": {"input": 1},
  "grad_align": {"slope": 2},
  "free": {"standard": 0, "both": 8},
  "trades": {"forward": 1, "input": 10, "params": 1},
  "mart": {"input": 10, "params": 1},
  "alp": {"input": 10, "params": 1},
  "trades_awp": {"forward": 1, "input": 10, "params": 3},
  "pgd_at_awp": {"input": 10, "params": 1},
  "mart_awp": {"input": 10, "params": 3},
  "sam": {"params": 1},
  "asam": {"params": 1},
  "pgd_at_sam": {"input": 10, "params": 1},
  "pgd_at_ema": {"input": 10},
  "advprop": {"input": 5, "params": 1},
  "ensemble_at": {"input": 1, "params": 1},
  "label_smoothing": {},
  "pgd_at_label_smoothing": {"input": 10},
  "pgd_at_cutmix": {"input": 10},
  "random_rotation": {"forward": 1},
  "worst_of_10": {"forward": 10},
  "linf_and_rotation_mean": {"input": 10, "forward": 10, "params": 1},
  "linf_and_rotation_max": {"input": 10, "forward": 12},
}


def main(model: str = "small_cnn", *names: str) -> None:
  methods = robust_training.methods(EPS)
  programs: dict = {}
  rows = {}
  for name in names or methods:
    config = config_of(model, methods[name])
    made_of = {"standard": 1} | MADE_OF[name]
    network = config.model.to_json()  # AdvProp has one of its own
    for part in made_of:
      programs.setdefault((part, network), passes(config)[part])
    programs[name] = step_of(config)
    rows[name] = {(part, network): n for part, n in made_of.items() if n}
  seconds = least_seconds(programs, repeats=15, clock=time.process_time)
  print(f"{model}, batch {BATCH}, jax {jax.__version__}\n")
  print("| method | made of | passes, ms | step, ms | ratio |")
  print("|---|---|---|---|---|")
  for name, made_of in rows.items():
    unit = sum(n * seconds[part] for part, n in made_of.items())
    said = " + ".join(f"{n} {part}" for (part, _), n in made_of.items())
    print(
      f"| `{name}` | {said} | {1e3 * unit:.1f} | {1e3 * seconds[name]:.1f} "
      f"| {seconds[name] / unit:.2f} |"
    )


def config_of(model: str, changes: dict) -> ConfigDict:
  config = common.classifier("mnist", model, eps=EPS)
  config.model.update(NARROW[model])
  changed = with_overrides(config, changes)
  if changed.task.name == "free":
    del changed.loss
  return changed


def batch() -> dict[str, np.ndarray]:
  return {
    "x": np.random.default_rng(0).random((BATCH, 28, 28, 1), np.float32),
    "y": np.arange(BATCH, dtype=np.int32) % 10,
    "mask": np.ones(BATCH, np.float32),
  }


def step_of(config: ConfigDict) -> Callable[[], object]:
  """The compiled step, which keeps its state."""
  given: dict[str, Any] = {}
  if "surrogates" in config:
    plain = build.task(standard(config), FACTS, NUM_STEPS)
    given["surrogates"] = [plain.deployed(jax.jit(plain.init)(KEY, batch()))]
  task = build.task(config, {**FACTS, **given}, NUM_STEPS)
  step, _ = compiled_step(task, itertools.repeat(batch()))
  return step


def standard(config: ConfigDict) -> ConfigDict:
  """Standard training of the same network."""
  plain = common.classifier("mnist", config.model.name, eps=EPS)
  plain.model.update(config.model)
  return plain


def passes(config: ConfigDict) -> dict[str, Callable[[], object]]:
  """Each pass of the network alone, compiled at its first call."""
  model = build.model(config, FACTS)
  task = build.task(standard(config), FACTS, NUM_STEPS)
  state = jax.jit(task.init)(KEY, batch())
  x, y = jnp.asarray(batch()["x"]), jnp.asarray(batch()["y"])
  frozen = canonicalize_on_cpu(task.deployed(state))

  def attacked(x):
    return losses.soft_margin(frozen(x), y).sum()

  def trained(params, x):
    logits, _ = model_forward(model, params, state).train(KEY, x)
    return losses.cross_entropy(logits, y).sum()

  def slope(params):
    return jnp.square(jax.grad(trained, 1)(params, x)).sum()

  params = state.params
  return {
    "standard": step_of(standard(config)),
    "forward": functools.partial(jax.jit(frozen), x),
    "input": functools.partial(jax.jit(jax.grad(attacked)), x),
    "params": functools.partial(jax.jit(jax.grad(trained)), params, x),
    "both": functools.partial(jax.jit(jax.grad(trained, (0, 1))), params, x),
    "slope": functools.partial(jax.jit(jax.grad(slope)), params),
  }


if __name__ == "__main__":
  main(*sys.argv[1:])
