"""Each method of training on eight devices, and after kill -9.

    python -m tests.devices.check_methods WORKDIR [METHOD ...]

Each method of `experiments/configs/robust_training.py` trains an MLP (AdvProp a
network with BatchNorm) on the digits, and each GAN of `GANS` a tiny pair:

- for three steps on eight virtual devices, compared with the same steps
  computed on one device by `parallel.simulate_step`;
- for eight steps on one device, once without interruption and once in a process
  that is ended by SIGKILL after its first checkpoint and started again; the
  last states, and the pictures drawn meanwhile, are compared bit for bit.

It prints a Markdown table, and ends with status 1 if a method fails. It is no
test of the suite, because it takes half a minute for each method.
"""

import contextlib
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import jax
import numpy as np
from absl import logging
from ml_collections import ConfigDict

from experiments import build
from experiments.configs import robust_training
from experiments.configs.gan import (
  mnist_conditional,
  mnist_dcgan,
  mnist_r3gan,
  mnist_stylegan2,
)
from experiments.configs.robust import digits
from experiments.load_run import load_run
from experiments.train import train
from experiments.trained_models import trained_models
from robust_jax import parallel
from robust_jax.types import PyTree

NUM_STEPS, EVERY = 8, 4
GANS = {
  "dcgan": mnist_dcgan,
  "r3gan": mnist_r3gan,
  "biggan": mnist_conditional,
  "stylegan2": mnist_stylegan2,
}


def main(root: str, *names: str) -> int:
  jax.config.update("jax_num_cpu_devices", 8)
  logging.set_verbosity(logging.ERROR)
  path, chosen = (
    pathlib.Path(root),
    names or (*robust_training.methods(0.1), *GANS),
  )
  train_quietly(config_of("standard", path), path / "surrogate")
  kill_and_resume(path, chosen)
  finish(child(path / "whole", chosen))
  print("| method | eight devices and one differ by | after kill -9 |")
  print("|---|---|---|", flush=True)
  failed = False
  for name in chosen:
    same = same_state(path / "whole" / name, path / "killed" / name)
    apart = difference(name, path)
    bits = "the same bits" if same else "OTHER BITS"
    print(f"| `{name}` | {apart:.1e} | {bits} |", flush=True)
    failed |= not same or not apart < 1e-3
  return int(failed)


def config_of(name: str, path: pathlib.Path) -> ConfigDict:
  """The config of the digits with a short course and a small network."""
  if name in GANS:
    config = GANS[name].get_config("smoke")
    with config.unlocked():
      _shorten(config)
    return config
  config = digits.get_config(name)
  with config.unlocked():
    if "batch_norm" not in config.model:
      config.model = {"name": "mlp", "features": (16,)}
    _shorten(config)
    del config.training.floor, config.training.floor_after_epochs
    config.training.max_drop = 1.0
    if "surrogates" in config:
      config.surrogates.runs = (str(path / "surrogate"),)
  return config


def _shorten(config: ConfigDict) -> None:
  del config.training.num_epochs, config.training.evaluate_every_epochs
  config.training.num_steps = NUM_STEPS
  config.training.evaluate_every_steps = EVERY


def train_quietly(config: ConfigDict, path: pathlib.Path) -> None:
  path.mkdir(parents=True, exist_ok=True)
  with (path / "said.txt").open("a") as said, contextlib.redirect_stdout(said):
    train(config, path)


def difference(name: str, path: pathlib.Path) -> float:
  """Largest difference of a variable after three steps.

  More steps would magnify what sums in another order begin: signs of gradients
  next to 0.
  """
  config = config_of(name, path)
  experiment = build.experiment(config, trained=trained_models(config))
  simulate = lambda step, decode: parallel.simulate_step(step, 8, decode)
  pairs = zip(
    jax.tree.leaves(after_steps(experiment, parallel.pmap_step)),
    jax.tree.leaves(after_steps(experiment, simulate)),
    strict=True,
  )
  return max(float(np.abs(a - b).max()) for a, b in pairs)


def after_steps(experiment: build.Experiment, compile_step: Callable) -> PyTree:
  """Parameters and model state after three steps from the initial ones."""
  task, training = experiment.task, experiment.training
  step = compile_step(task.step, training.decode)
  first = next(iter(training.indices(0)))
  batch = jax.jit(training.decode)(training.device_data, first)
  key = jax.random.key(0)
  state = jax.jit(task.init)(key, batch)
  stream = training.indices(0)
  for _ in range(3):
    state, _ = step(state, training.device_data, next(stream), key)
  return jax.device_get((state.params, state.model_state))


def kill_and_resume(path: pathlib.Path, names: Sequence[str]) -> None:
  """Trains each run until it has a checkpoint, kills it, and resumes it.

  Each process resumes the run that the one before it was killed in, and goes on
  to the next.
  """
  runs = path / "killed"
  for before, name in zip((None, *names), names, strict=False):
    process = child(runs, [before, name] if before else [name])
    while not saved(runs / name) and process.poll() is None:
      time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL or is_done(runs / name):
      raise RuntimeError(f"{name} had ended before it could be killed")
  finish(child(runs, names[-1:]))


def child(runs: pathlib.Path, names: Sequence[str]) -> subprocess.Popen:
  """Trains or resumes runs in a process of its own, on one device."""
  return subprocess.Popen(
    [sys.executable, "-m", __spec__.name, "--train", str(runs), *names]
  )


def finish(process: subprocess.Popen) -> None:
  if status := process.wait():
    raise RuntimeError(f"a process that trains ended with status {status}")


def saved(run: pathlib.Path) -> bool:
  return any((run / "checkpoints").glob("[0-9]*"))


def is_done(run: pathlib.Path) -> bool:
  return (run / "train_result.json").exists()


def same_state(*runs: pathlib.Path) -> bool:
  one, other = (jax.tree.leaves(load_run(run, "last").state) for run in runs)
  drawn, again = (
    {p.relative_to(run): p.read_bytes() for p in run.glob("pictures/*/*")}
    for run in runs
  )
  return all(map(np.array_equal, one, other)) and drawn == again


if __name__ == "__main__":
  if sys.argv[1] == "--train":
    folder = pathlib.Path(sys.argv[2])
    for each in sys.argv[3:]:
      train_quietly(config_of(each, folder.parent), folder / each)
  else:
    sys.exit(main(*sys.argv[1:]))
