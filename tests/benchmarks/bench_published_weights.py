"""Networks with published weights beside PyTorch, for each layout.

    python -m tests.benchmarks.bench_published_weights [PART_OF_A_NAME]

A network of PyTorch with random weights and random BatchNorm statistics is
written to a file, which `load_network` opens by its layout; then the tensors go
back by `to_torch` and into another network of PyTorch, by its own strict check
of names. Prints the largest difference of the logits of both ways on random
images, beside the largest logit, and the largest difference of the gradient of
random sums of them to the images, relative to the largest entry; ends with
status 1 if one exceeds 1e-4 of what it is beside.

Needs torch, which is no requirement: `python -m venv`, then `pip install
torch==2.13.0 -r requirements.txt`. Without it, it is skipped and says so.
"""

import importlib
import importlib.util
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import rich.box
import rich.table
from safetensors.numpy import save_file

from robust_jax import lookup
from robust_jax.models.load_network import load_network
from robust_jax.models.to_torch import to_torch
from robust_jax.plotting.tables import print_table

TOLERANCE = 1e-4


class Case(NamedTuple):
  """One network in one layout.

  Attributes:
    make: makes the network of PyTorch from the module `torch_residual`.
    network: a member of `models`.
    layout: a member of `models.layouts`.
    options: options of the network that the layout does not determine.
    image_shape: shape of an image.
    outside: takes mean and standard deviation from that module, if PyTorch's
      code applies them before its network.
    wrapper: prefix of the names in the file.
  """

  make: Callable[[Any], Any]
  network: str
  layout: str
  options: dict[str, Any]
  image_shape: tuple[int, int, int] = (32, 32, 3)
  outside: Callable[[Any], Any] | None = None
  wrapper: str = ""


def _wide(depth, widen):
  return {"depth": depth, "widen": widen}


def _conv_next(name: str, num_blocks, widths, stem=0) -> dict[str, Case]:
  """A ConvNeXt of timm, without or with a convolutional stem."""

  def make(_):
    module = importlib.import_module("tests.benchmarks.torch_conv_next")
    return module.ConvNeXt(num_blocks, widths, stem)

  options = {"num_blocks": num_blocks, "widths": widths, "num_classes": 1000}
  case = Case(make, "conv_next", "timm", options, (224, 224, 3))
  if not stem:
    case = case._replace(outside=lambda t: t.IMAGENET, wrapper="model.")
  return {f"{name}, timm": case}


def _xcit(name: str, embedding_size, num_heads) -> dict[str, Case]:
  """An XCiT of timm for CIFAR-10, patches of 4 pixels, and ImageNet, 16."""

  def case(strides, classes, **rest):
    def make(_):
      module = importlib.import_module("tests.benchmarks.torch_xcit")
      return module.XCiT(embedding_size, num_heads, strides, classes)

    options = {"embedding_size": embedding_size, "num_heads": num_heads}
    options["num_classes"] = classes
    return Case(make, "xcit", "timm", options, **rest)

  return {
    f"{name}, CIFAR-10, timm": case(
      (1, 1, 2, 2), 10, outside=lambda t: t.CIFAR10, wrapper="model."
    ),
    f"{name}, ImageNet, timm": case(
      (2, 2, 2, 2), 1000, image_shape=(224, 224, 3)
    ),
  }


def cases() -> dict[str, Case]:
  """All cases by name."""
  deep = {"num_blocks": (3, 4, 6, 3)}
  bottleneck = deep | {"block": "bottleneck"}
  imagenet = {"num_classes": 1000}
  large = {"image_shape": (224, 224, 3), "outside": lambda t: t.IMAGENET}
  cifar10 = lambda t: t.CIFAR10
  deepest = (3, 3, 27, 3)
  small, base = (96, 192, 384, 768), (128, 256, 512, 1024)
  return {
    "WRN-28-10, trades": Case(
      lambda t: t.WideResNet(28, 10, unused_group=True),
      "wide_resnet", "trades", _wide(28, 10),
    ),
    "WRN-34-10, trades": Case(
      lambda t: t.WideResNet(34, 10, unused_group=True),
      "wide_resnet", "trades", _wide(34, 10), wrapper="module.",
    ),
    "WRN-34-20, robustbench": Case(
      lambda t: t.WideResNet(34, 20, pixels=t.CIFAR10),
      "wide_resnet", "robustbench", _wide(34, 20),
    ),
    "WRN-70-16, robustbench": Case(
      lambda t: t.WideResNet(70, 16),
      "wide_resnet", "robustbench", _wide(70, 16),
    ),
    "WRN-28-10, deepmind": Case(
      lambda t: t.DeepMindWideResNet(28, 10),
      "wide_resnet", "deepmind", _wide(28, 10),
    ),
    "WRN-34-20, deepmind": Case(
      lambda t: t.DeepMindWideResNet(34, 20),
      "wide_resnet", "deepmind", _wide(34, 20),
    ),
    "WRN-70-16, deepmind": Case(
      lambda t: t.DeepMindWideResNet(70, 16),
      "wide_resnet", "deepmind", _wide(70, 16),
    ),
    "PreAct-ResNet-18, deepmind": Case(
      lambda t: t.DeepMindPreActResNet(),
      "preact_resnet", "deepmind", {},
    ),
    "PreAct-ResNet-18, wong": Case(
      lambda t: t.PreActResNet(preactivated=False, final_norm=True),
      "preact_resnet", "wong", {}, outside=cifar10,
    ),
    "PreAct-ResNet-18 with bn, robustbench": Case(
      lambda t: t.PreActResNet(True, True, pixels=t.CIFAR10),
      "preact_resnet", "robustbench", {}, wrapper="module.model.",
    ),
    "PreAct-ResNet-18 without bn, robustbench": Case(
      lambda t: t.PreActResNet(False, False, pixels=t.CIFAR10),
      "preact_resnet", "robustbench", {},
    ),
    "ResNet-18, trades": Case(
      lambda t: t.ResNet((2, 2, 2, 2)),
      "resnet", "trades", {},
    ),
    "ResNet-34, robustbench": Case(
      lambda t: t.ResNet((3, 4, 6, 3), pixels=t.CIFAR10),
      "resnet", "robustbench", deep,
    ),
    "ResNet-50, robustbench": Case(
      lambda t: t.ResNet((3, 4, 6, 3), bottleneck=1, pixels=t.CIFAR10),
      "resnet", "robustbench", bottleneck,
    ),
    "ResNet-18, torchvision": Case(
      lambda t: t.ResNet((2, 2, 2, 2), imagenet=True),
      "resnet", "torchvision", imagenet, **large,
    ),
    "ResNet-34, torchvision": Case(
      lambda t: t.ResNet((3, 4, 6, 3), imagenet=True),
      "resnet", "torchvision", imagenet | deep, **large,
    ),
    "ResNet-50, torchvision": Case(
      lambda t: t.ResNet((3, 4, 6, 3), bottleneck=1, imagenet=True),
      "resnet", "torchvision", imagenet | bottleneck, **large,
      wrapper="model.",
    ),
    "Wide ResNet-50-2, torchvision": Case(
      lambda t: t.ResNet((3, 4, 6, 3), bottleneck=2, imagenet=True),
      "resnet", "torchvision",
      imagenet | bottleneck | {"bottleneck_factor": 2}, **large,
    ),
    "small CNN, wong": Case(
      lambda t: t.small_cnn(),
      "small_cnn", "wong", {}, image_shape=(28, 28, 1),
    ),
    **_conv_next("ConvNeXt-B", deepest, base),
    **_conv_next("ConvNeXt-L", deepest, (192, 384, 768, 1536)),
    **_conv_next("ConvNeXt-T + ConvStem", (3, 3, 9, 3), small, 2),
    **_conv_next("ConvNeXt-S + ConvStem", deepest, small, 2),
    **_conv_next("ConvNeXt-B + ConvStem", deepest, base, 3),
    **_conv_next("ConvNeXt-L + ConvStem", deepest, (192, 384, 768, 1536), 3),
    **_xcit("XCiT-S12", 384, 8),
    **_xcit("XCiT-M12", 512, 8),
    **_xcit("XCiT-L12", 768, 16),
  }  # fmt: skip


def _logits(network, x, outside, weights=None):
  """Logits and, with weights of them, the gradient of their sum to x."""
  import torch

  x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
  x.requires_grad_(weights is not None)
  inputs = x
  if outside is not None:
    mean, std = (torch.tensor(one).view(1, -1, 1, 1) for one in outside)
    inputs = (x - mean) / std
  logits = network(inputs)
  if weights is None:
    return logits.detach().numpy(), None
  (logits * torch.from_numpy(weights)).sum().backward()
  return logits.detach().numpy(), x.grad.numpy().transpose(0, 2, 3, 1)


def measured(case: Case, folder: pathlib.Path) -> dict[str, float]:
  """Compares one network both ways; removes its file."""
  import torch

  from tests.benchmarks import torch_residual as reference

  outside = case.outside and case.outside(reference)
  torch.manual_seed(0)
  network = reference.with_random_statistics(case.make(reference))
  state = {k: v.numpy() for k, v in network.state_dict().items()}
  path = folder / "weights.safetensors"
  save_file({f"{case.wrapper}{k}": v for k, v in state.items()}, path)
  rng = np.random.default_rng(0)
  x = rng.random((2, *case.image_shape), np.float32)
  classes = case.options.get("num_classes", 10)
  weights = rng.standard_normal((2, classes)).astype(np.float32)
  expected, gradient = _logits(network, x, outside, weights)

  model, variables = load_network(
    path,
    case.network,
    layout=case.layout,
    image_shape=case.image_shape,
    **case.options,
  )
  path.unlink()

  @jax.jit
  def logits_and_gradient(variables, x):
    logits, pull = jax.vjp(lambda x: model.apply(variables, x), x)
    return logits, pull(jnp.asarray(weights))[0]

  found, slope = map(np.asarray, logits_and_gradient(variables, x))

  layout = lookup.find("models.layouts", case.layout)(case.network)
  back = to_torch(variables, rename=layout.rename)
  kept = {
    name: values
    for name, values in state.items()
    if name in layout.buffers or name.startswith(layout.unused)
  }
  torch.manual_seed(1)
  again = case.make(reference).eval()
  again.load_state_dict(
    {k: torch.tensor(v) for k, v in (back | kept).items()}, strict=True
  )
  returned, _ = _logits(again, x, outside)
  return {
    "parameters": sum(
      parameter.numel()
      for name, parameter in network.named_parameters()
      if not name.startswith(layout.unused)
    ),
    "ours": sum(leaf.size for leaf in jax.tree.leaves(variables["params"])),
    "logit": float(np.abs(expected).max()),
    "loaded": float(np.abs(found - expected).max()),
    "exported": float(np.abs(returned - expected).max()),
    "gradient": float(np.abs(slope - gradient).max() / np.abs(gradient).max()),
  }


def main(part: str = "") -> None:
  """Runs the benchmark."""
  if importlib.util.find_spec("torch") is None:
    print("1 skipped: torch is not installed.")
    return
  table = rich.table.Table(title="logits", box=rich.box.SIMPLE_HEAD)
  table.add_column("network, layout")
  titles = ("parameters", "largest logit", "loaded", "exported", "gradient")
  for title in titles:
    table.add_column(title, justify="right")
  failed, started = [], time.perf_counter()
  with tempfile.TemporaryDirectory() as folder:
    for name, case in cases().items():
      if part not in name:
        continue
      one = measured(case, pathlib.Path(folder))
      worst = max(one["loaded"], one["exported"]) / one["logit"]
      worst = max(worst, one["gradient"])
      if one["parameters"] != one["ours"] or not worst <= TOLERANCE:
        failed.append(name)
      table.add_row(
        name,
        f"{one['parameters']:,}",
        f"{one['logit']:.3g}",
        f"{one['loaded']:.1e}",
        f"{one['exported']:.1e}",
        f"{one['gradient']:.1e}",
      )
  print_table(table)
  print(f"{time.perf_counter() - started:.0f} s; failed: {failed or 'none'}")
  if failed:
    sys.exit(1)


if __name__ == "__main__":
  main(*sys.argv[1:])
