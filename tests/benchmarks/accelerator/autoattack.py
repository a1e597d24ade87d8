"""Standard AutoAttack on the small CNN, cold and warm, and its authors' code.

The network is adversarially trained here first, for seconds, on MNIST where it
is found and on random images elsewhere, so both attacks meet a network that
withstands some of them.
"""

import functools
import pathlib
import time
from typing import Any

import flax.linen as nn
import numpy as np

from experiments import build
from experiments.configs.adversarial import mnist_pgd
from robust_jax import lookup
from robust_jax.models.inference import inference_fn
from tests.benchmarks.accelerator.cases import held_out_images
from tests.benchmarks.accelerator.meter import Meter
from tests.benchmarks.bench_autoattack import ours, theirs
from tests.benchmarks.clock import compilations
from tests.benchmarks.training_step import compiled_step

EPS, _BATCH_SIZE = 0.1, 100
_FILE = "autoattack.npz"


def measure_autoattack(meter: Meter) -> None:
  """Trains the network, and attacks it twice: the first time compiles."""
  num_examples, num_steps = (8, 2) if meter.rehearsal else (1000, 600)
  real = not meter.rehearsal
  problem: list[Any] = []

  def train():
    begun = time.perf_counter()
    problem[:] = _problem(num_examples, num_steps, real)
    _save(meter.folder / _FILE, *problem[1:])
    seconds = time.perf_counter() - begun
    return {
      "seconds": seconds,
      "text": f"{num_steps} steps on {problem[0]} in {seconds:.1f} s",
    }

  meter.measure("small CNN is trained", "robust_jax", 15, train)
  if problem:
    for name in ("cold", "warm"):
      measured = functools.partial(_attacked, *problem[1:])
      meter.measure(_row(name, num_examples), "robust_jax", 15, measured)


def measure_authors_autoattack(meter: Meter) -> None:
  """Attacks the same network on the same images by the authors' code."""
  path = meter.folder / _FILE
  if not path.exists():
    meter.record("AutoAttack", "authors' code", "skipped", note="no network")
    return
  arrays = np.load(path)
  x, labels = arrays["x"], arrays["labels"]
  params: dict[str, dict[str, np.ndarray]] = {}
  for name in set(arrays.files) - {"x", "labels"}:
    layer, leaf = name.split("/")
    params.setdefault(layer, {})[leaf] = arrays[name]

  def measured():
    meter.needs("torch", "pyautoattack")
    robust, seconds = theirs(
      "small_cnn", params, x, labels, "linf", EPS, 0, device=meter.torch_device
    )
    return _values(seconds, robust)

  meter.measure(_row("warm", len(x)), "authors' code", 40, measured)


def _row(name: str, num_examples: int) -> str:
  return f"AutoAttack, small CNN, Linf {EPS}, {num_examples} images, {name}"


def _problem(num_examples: int, num_steps: int, real: bool):
  """Name of the data, parameters of a trained network, images and labels."""
  config = mnist_pgd.get_config()
  config.data.update(train="train[:10000]", validation="train[10000:10100]")
  config.training.batch_size = _BATCH_SIZE
  config.loss.attack.set.eps = EPS
  config.loss.warmup_steps = num_steps // 2
  test = held_out_images(config, max(num_examples, _BATCH_SIZE), real)
  task, training, _, _ = build.experiment(config)
  step, held = compiled_step(
    task, training.indices(0), training.device_data, training.decode
  )
  for _ in range(num_steps):
    step()
  rows = test.read(np.arange(num_examples))
  params = nn.meta.unbox(held["state"].params)
  x = np.float32(rows["x"]) / 255
  return test.name, params, x, rows["y"]


def _save(path: pathlib.Path, params, x, labels) -> None:
  """For the authors' code, which runs in another process."""
  layers = {
    f"{layer}/{name}": np.asarray(value)
    for layer, leaves in params.items()
    for name, value in leaves.items()
  }
  np.savez(path, x=x, labels=labels, **layers)


def _attacked(params, x, labels) -> dict[str, Any]:
  model = lookup.find("models", "small_cnn")()
  logits_fn = inference_fn(model, {"params": params})
  with compilations() as compiled:
    # One batch: the searches are sequences of small steps.
    outcome, seconds = ours(logits_fn, x, labels, "linf", EPS, 0, len(x))
  robust = outcome.misclassified_by == -1
  stages = {s["name"]: round(s["seconds"], 3) for s in outcome.stages}
  return {
    **_values(seconds, robust),
    "compile_seconds": sum(compiled),
    "stage_seconds": stages,
  }


def _values(seconds: float, robust: np.ndarray) -> dict[str, Any]:
  text = f"{seconds:.2f} s, robust accuracy {robust.mean():.2%}"
  return {
    "seconds": seconds,
    "robust_accuracy": float(robust.mean()),
    "text": text,
  }
