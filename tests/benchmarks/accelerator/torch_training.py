"""The training steps of `cases` in PyTorch: eager, compiled, in bfloat16."""

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.accelerator.cases import Case, sized_cases
from tests.benchmarks.accelerator.meter import Meter
from tests.benchmarks.clock import seconds_per_call


def measure_torch(meter: Meter) -> None:
  """Measures each case, in the order of `training`, eager and compiled."""
  for case in sized_cases(meter.rehearsal):
    for compiled in (False, True):
      meter.measure(
        case.name,
        "torch.compile" if compiled else "torch, eager",
        case.seconds if compiled else case.seconds / 4,
        functools.partial(_measured, meter, case, compiled),
      )


def _measured(meter: Meter, case: Case, compiled: bool) -> dict[str, Any]:
  meter.needs("torch")
  import torch

  device = meter.torch_device
  torch.backends.cuda.matmul.allow_tf32 = True  # as JAX does by default
  torch.backends.cudnn.allow_tf32 = True
  torch.backends.cudnn.benchmark = True
  torch._dynamo.reset()
  network = _network(case).to(device, memory_format=torch.channels_last)
  step = _step(case, torch.compile(network) if compiled else network, device)

  def wait(result=None):
    del result  # a step has none
    if device == "cuda":
      torch.cuda.synchronize()

  begun = time.perf_counter()
  step()
  wait()
  first = time.perf_counter() - begun
  seconds = seconds_per_call(step, 0.1 if meter.rehearsal else 4.0, wait)
  return {
    "seconds": seconds,
    "images": case.batch_size,
    "first_seconds": first,
    "compile_seconds": max(first - seconds, 0.0) if compiled else None,
  }


def _network(case: Case):
  from tests.benchmarks import torch_residual

  name, options = case.model["name"], case.model
  if name == "wide_resnet":
    depth, widen = options.get("depth", 28), options.get("widen", 10)
    return torch_residual.WideResNet(
      depth, widen, pixels=torch_residual.CIFAR10
    )
  if name == "preact_resnet":
    pixels = torch_residual.CIFAR10
    return torch_residual.PreActResNet(True, True, pixels)
  return torch_residual.small_cnn()


def _step(case: Case, network, device: str) -> Callable[[], None]:
  """A step of standard training, or of PGD adversarial training."""
  import torch
  import torch.nn.functional as F

  height, width, channels = case.image_shape
  draw = np.random.default_rng(0)
  shape = (case.batch_size, channels, height, width)
  x = torch.from_numpy(draw.random(shape, np.float32)).to(device)
  x = x.contiguous(memory_format=torch.channels_last)
  y = torch.arange(case.batch_size, device=device) % 10
  optimizer = torch.optim.SGD(
    network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4
  )
  bfloat16 = case.precision == "bfloat16"
  eps, step_size = case.eps, case.step_size * case.eps

  def loss(x):
    with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
      logits = network(x)
    return F.cross_entropy(logits.float(), y)

  def attacked():
    network.eval()  # as here, with the running statistics
    x_adv = (x + torch.empty_like(x).uniform_(-eps, eps)).clamp(0, 1)
    for _ in range(case.num_steps):
      x_adv.requires_grad_(True)
      (gradient,) = torch.autograd.grad(loss(x_adv), x_adv)
      x_adv = x_adv.detach() + step_size * gradient.sign()
      x_adv = torch.clamp(x + (x_adv - x).clamp(-eps, eps), 0, 1)
    return x_adv

  def step():
    inputs = attacked() if case.num_steps else x
    network.train()
    optimizer.zero_grad(set_to_none=True)
    loss(inputs).backward()
    optimizer.step()

  return step
