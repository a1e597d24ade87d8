"""Adversarial training by the training loop, for the time that is left."""

import shutil
import time
from typing import Any

from experiments.configs.robust import cifar10
from experiments.train import train
from robust_jax.training import log
from tests.benchmarks.accelerator.cases import held_out_images
from tests.benchmarks.accelerator.meter import Meter

_SECONDS_TO_END = 8.0  # of a last step and a checkpoint
_NUM_IMAGES = 10_000  # random ones of each split


def measure_adversarial_run(meter: Meter) -> None:
  """Trains PreAct-ResNet-18 on CIFAR-10, or on random images without it."""
  config = cifar10.get_config("smoke" if meter.rehearsal else "")
  if meter.rehearsal:
    config.model.num_blocks = (1,)
  else:
    config.training.update(batch_size=512, log_every=10)
  num_images = 16 if meter.rehearsal else _NUM_IMAGES
  data = held_out_images(config, num_images, real=not meter.rehearsal)
  path = meter.folder / "adversarial_run"
  shutil.rmtree(path, ignore_errors=True)  # another run's

  def run() -> dict[str, Any]:
    begun = time.monotonic()
    deadline = meter.deadline - (0 if meter.rehearsal else _SECONDS_TO_END)
    train(config, path, deadline=deadline)
    elapsed = time.monotonic() - begun
    return _values(log.read(path), config.training.batch_size, elapsed)

  size = "tiny " if meter.rehearsal else ""
  name = f"{size}PreAct-ResNet-18, PGD-10, {data.name}"
  meter.measure(name, "training loop", 60, run)


def _values(records, batch_size: int, elapsed: float) -> dict[str, Any]:
  trained = [record for record in records if record["split"] == "train"]
  validated = [r for r in records if r["split"] == "validation"]
  step = trained[-1]["step"]
  seconds = log.training_seconds(trained, batch_size)
  text = (
    f"{step} steps, {trained[-1]['epoch']:.2f} epochs in {elapsed:.0f} s, "
    f"training accuracy {trained[-1]['accuracy']:.1%}"
  )
  if seconds:
    text += f", {step * batch_size / seconds:,.0f} images/s"
  if validated:
    last = validated[-1]
    text += (
      f"; held out {last['accuracy']:.1%}, under PGD-10 "
      f"{last['robust_accuracy']:.1%} at step {last['step']}"
    )
  return {
    "text": text,
    "compile_seconds": trained[0].get("compile_seconds"),
    "train": trained[-1],
    "validation": validated,
  }
