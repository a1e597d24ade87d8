"""Layouts: the names and conventions that published PyTorch weights come in.

A layout is asked for a network and returns its `Layout`: the name of each layer
in the file, the options of the network that the published code fixes, and what
else is in such files. `load_network` reads a file in a layout, `to_torch`
writes one.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

__all__ = ["deepmind", "robustbench", "torchvision", "trades", "wong"]


class Layout(NamedTuple):
  """Names and conventions of weights of one network.

  Attributes:
    rename: path of a linen layer, such as "layer1_0/bn1", -> the name of its
      module in PyTorch, such as "layer1.0.bn1".
    fixed: options of the network without which it computes something else than
      the published code.
    usual: options that the published weights have; others may be chosen.
    pixels: number of classes -> `mean` and `std` of the pixels, options of the
      network, if the published code has them as constants.
    absent: beginning of a name -> options of the network if no tensor has such
      a name.
    unused: beginnings of the names of tensors that the published network holds
      but does not use.
    buffers: names of mean and standard deviation of the pixels in the file, if
      the published network normalizes; empty if that is done before it.
  """

  rename: Callable[[str], str]
  fixed: Mapping[str, Any] = {}
  usual: Mapping[str, Any] = {}
  pixels: Mapping[int, Mapping[str, Any]] = {}
  absent: Mapping[str, Mapping[str, Any]] = {}
  unused: tuple[str, ...] = ()
  buffers: tuple[str, ...] = ()

  def options(self, names: Collection[str], num_classes: int) -> dict[str, Any]:
    """Returns the options of the network for a file with tensors so named."""
    pixels = self.pixels.get(num_classes, {})
    found = {**self.usual, **pixels, **self.fixed}
    for beginning, options in self.absent.items():
      if not any(name.startswith(beginning) for name in names):
        found |= options
    return found


def deepmind(network: str) -> Layout:
  """DeepMind's PyTorch networks: WRN and PreAct-ResNet with SiLU.

  Strided convolutions pad as TensorFlow does, and a PreAct-ResNet has
  projections of 3x3 before the normalization. Pixels are normalized by
  constants of CIFAR-10 or CIFAR-100, which are not in the file.

  Args:
    network: "wide_resnet" or "preact_resnet".

  Raises:
    ValueError: it is another network.

  Source: Gowal et al., "Uncovering the Limits of Adversarial Training against
  Norm-Bounded Adversarial Examples", 2020, and the code released with it.

  Example:
    >>> from robust_jax.models import layouts
    >>> layouts.deepmind("wide_resnet").rename("block1_layer_0/bn1")
    'layer.0.block.0.batchnorm_0'
  """
  silu = {"activation": "silu"}
  outer = {"fc": "logits", "linear": "logits"}
  wide = _renaming(
    "layer.{from_0}.block.{block}",
    outer | {"conv1": "init_conv", "bn1": "batchnorm"},
    {"conv1": "conv_0", "conv2": "conv_1", "convShortcut": "shortcut"}
    | _NUMBERED_NORMS,
  )
  preact = _renaming(
    "layer_{from_0}.{block}",
    outer | {"conv1": "conv_2d", "bn": "batchnorm"},
    {"conv1": "conv_2d_1", "conv2": "conv_2d_2", "shortcut_0": "shortcut"}
    | _NUMBERED_NORMS,
  )
  padding = {"padding": "same"}
  variant = {
    "shortcut_size": 3,
    "preactivated_shortcut": False,
    "final_norm": True,
  }
  return _choose(
    "deepmind",
    network,
    {
      "wide_resnet": Layout(wide, padding, silu, _CIFAR_PIXELS),
      "preact_resnet": Layout(preact, padding | variant, silu, _CIFAR_PIXELS),
    },
  )


def robustbench(network: str) -> Layout:
  """RobustBench's own networks: WRN, PreAct-ResNet and ResNet with relu.

  Pixels are normalized by `mu` and `sigma` if the file has them; some of its
  networks have constants instead, which have to be given as `mean` and `std`.
  A PreAct-ResNet without its last normalization projects before the
  normalization of a block, one with it after that. Networks of DeepMind's code
  are in the layout `deepmind`.

  Args:
    network: "wide_resnet", "preact_resnet" or "resnet".

  Raises:
    ValueError: it is another network.

  Source: Croce et al., "RobustBench: a standardized adversarial robustness
  benchmark", 2021, and its code.

  Example:
    >>> from robust_jax.models import layouts
    >>> layouts.robustbench("preact_resnet").rename("layer2_0/shortcut_0")
    'layer2.0.shortcut.0'
  """
  buffers = ("mu", "sigma")
  without = {"final_norm": False, "preactivated_shortcut": False}
  return _choose(
    "robustbench",
    network,
    {
      "wide_resnet": Layout(_WIDE, _PYTORCH, unused=_UNUSED, buffers=buffers),
      "preact_resnet": Layout(
        _STAGES,
        _PYTORCH | {"shortcut_size": 1},
        absent={"bn.": without},
        buffers=buffers,
      ),
      "resnet": Layout(_STAGES, {"stem": "cifar"}, buffers=buffers),
    },
  )


def torchvision(network: str) -> Layout:
  """torchvision's ResNets for ImageNet, which RobustBench's entries use.

  Pixels are normalized by the constants of ImageNet, which are not in the file.

  Args:
    network: "resnet".

  Raises:
    ValueError: it is another network.

  Source: torchvision's `models.resnet`.

  Example:
    >>> from robust_jax.models import layouts
    >>> layouts.torchvision("resnet").rename("layer2_0/shortcut_1")
    'layer2.0.downsample.1'
  """
  rename = _renaming(
    "layer{stage}.{block}",
    {"linear": "fc"},
    {"shortcut_0": "downsample.0", "shortcut_1": "downsample.1"},
  )
  pixels = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
  resnet = Layout(rename, {"stem": "imagenet"}, pixels)
  return _choose("torchvision", network, {"resnet": resnet})


def trades(network: str) -> Layout:
  """The networks of TRADES' code, on pixels in [0, 1]: WRN and ResNet.

  Its WRN holds a second copy of the first group, `sub_block1`, which it does
  not use.

  Args:
    network: "wide_resnet" or "resnet".

  Raises:
    ValueError: it is another network.

  Source: Zhang et al., "Theoretically Principled Trade-off between Robustness
  and Accuracy", 2019, and its code.

  Example:
    >>> from robust_jax.models import layouts
    >>> layouts.trades("wide_resnet").rename("block1_layer_0/convShortcut")
    'block1.layer.0.convShortcut'
  """
  return _choose(
    "trades",
    network,
    {
      "wide_resnet": Layout(_WIDE, _PYTORCH, unused=_UNUSED),
      "resnet": Layout(_STAGES, {"stem": "cifar"}),
    },
  )


def wong(network: str) -> Layout:
  """The networks of "Fast is Better than Free": PreAct-ResNet and a small CNN.

  The PreAct-ResNet projects before the normalization of a block, and its
  training normalizes pixels by constants of CIFAR-10, which are not in the
  file. The small CNN is the one for MNIST.

  Args:
    network: "preact_resnet" or "small_cnn".

  Raises:
    ValueError: it is another network.

  Source: Wong, Rice and Kolter, "Fast is Better than Free: Revisiting
  Adversarial Training", 2020, and its code.

  Example:
    >>> from robust_jax.models import layouts
    >>> layouts.wong("preact_resnet").fixed["preactivated_shortcut"]
    False
  """
  fixed = {
    "shortcut_size": 1,
    "preactivated_shortcut": False,
    "final_norm": True,
  }
  positions = {"conv1": "0", "conv2": "2", "fc1": "5", "fc2": "7"}
  return _choose(
    "wong",
    network,
    {
      "preact_resnet": Layout(_STAGES, _PYTORCH | fixed, pixels=_CIFAR_PIXELS),
      "small_cnn": Layout(_renaming("", positions, {}), {"batch_norm": "none"}),
    },
  )


_CIFAR_PIXELS = {
  10: {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2471, 0.2435, 0.2616)},
  100: {"mean": (0.5071, 0.4865, 0.4409), "std": (0.2673, 0.2564, 0.2762)},
}
_NUMBERED_NORMS = {"bn1": "batchnorm_0", "bn2": "batchnorm_1"}
_PYTORCH = {"padding": "symmetric"}
_UNUSED = ("sub_block1.",)


def _renaming(
  block: str, outer: Mapping[str, str], inner: Mapping[str, str]
) -> Callable[[str], str]:
  """Makes the function that names modules.

  Args:
    block: name of a block, a template of `stage`, `from_0` (the stage counted
      from 0) and `block`.
    outer: layers outside of blocks -> their names, where these differ.
    inner: layers of a block -> their names, where these differ.
  """

  def rename(path: str) -> str:
    first, _, layer = path.partition("/")
    if not layer:
      return outer.get(first, first)
    stage, number = map(int, re.findall(r"\d+", first))
    name = block.format(stage=stage, from_0=stage - 1, block=number)
    return f"{name}.{inner.get(layer, layer)}"

  return rename


_WIDE = _renaming("block{stage}.layer.{block}", {}, {})
_STAGES = _renaming(
  "layer{stage}.{block}",
  {},
  {"shortcut_0": "shortcut.0", "shortcut_1": "shortcut.1"},
)


def _choose(name: str, network: str, known: Mapping[str, Layout]) -> Layout:
  for key, layout in known.items():
    # As `lookup` does: a class may be named as in a config.
    if key.replace("_", "") == network.replace("_", "").lower():
      return layout
  raise ValueError(
    f"layout '{name}' has no network '{network}': expected "
    f"{' or '.join(known)}."
  )
