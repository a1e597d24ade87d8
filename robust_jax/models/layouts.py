"""Layouts: the names and conventions that published PyTorch weights come in.

A layout is asked for a network and returns its `Layout`: the name of each layer
in the file, the options of the network that the published code fixes, and what
else is in such files. `load_network` reads a file in a layout, `to_torch`
writes one.
"""

from collections.abc import Mapping
from typing import Any

from robust_jax.models.layout import Layout, choose, renaming, spelled_with

__all__ = ["deepmind", "robustbench", "timm", "torchvision", "trades", "wong"]


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
  wide = renaming(
    "layer.{from_0}.block.{block}",
    outer | {"conv1": "init_conv", "bn1": "batchnorm"},
    {"conv1": "conv_0", "conv2": "conv_1", "convShortcut": "shortcut"}
    | _NUMBERED_NORMS,
  )
  preact = renaming(
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
  return choose(
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
  return choose(
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


def timm(network: str) -> Layout:
  """timm's ConvNeXt and XCiT, which RobustBench's entries use.

  The stem of a ConvNeXt is told from the names of its tensors. With timm's own,
  pixels are normalized by the constants of ImageNet, which need not be in the
  file; with the convolutional ones, which replace it, they are not.

  An XCiT has patches of 4 pixels, and pixels are normalized by constants, with
  10 or 100 classes, as for CIFAR; with others it has patches of 16 pixels.

  Args:
    network: "conv_next" or "xcit".

  Raises:
    ValueError: it is another network.

  Source: timm's `models.convnext` and `models.xcit`; Singh, Croce and Hein,
  "Revisiting Adversarial Training for ImageNet", 2023, and Debenedetti, Sehwag
  and Mittal, "A Light Recipe to Train Robust Vision Transformers", 2022, and
  RobustBench's code of both.

  Example:
    >>> from robust_jax.models import layouts
    >>> layouts.timm("conv_next").rename("stages_2_blocks_0/mlp_fc1")
    'stages.2.blocks.0.mlp.fc1'
  """
  conv_next = Layout(
    spelled_with("conv_dw"),
    usual={"stem": "conv_3"},
    absent={
      "stem.stem.6.": {"stem": "conv_2"},
      "stem.stem.": {"stem": "patch"} | _IMAGENET_PIXELS,
    },
  )
  words = ("patch_embed", "pos_embed", "token_projection", "local_mp")
  xcit = Layout(
    spelled_with(*words, "cls_attn_blocks", classifier="head"),
    usual={"patch_size": 16},
    by_classes=_XCIT_FOR_CIFAR,
  )
  return choose("timm", network, {"conv_next": conv_next, "xcit": xcit})


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
  rename = renaming(
    "layer{stage}.{block}",
    {"linear": "fc"},
    {"shortcut_0": "downsample.0", "shortcut_1": "downsample.1"},
  )
  resnet = Layout(rename, {"stem": "imagenet"}, _IMAGENET_PIXELS)
  return choose("torchvision", network, {"resnet": resnet})


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
  return choose(
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
  return choose(
    "wong",
    network,
    {
      "preact_resnet": Layout(
        _STAGES, _PYTORCH | fixed, by_classes=_CIFAR_PIXELS
      ),
      "small_cnn": Layout(renaming("", positions, {}), {"batch_norm": "none"}),
    },
  )


_CIFAR_PIXELS = {
  10: {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2471, 0.2435, 0.2616)},
  100: {"mean": (0.5071, 0.4865, 0.4409), "std": (0.2673, 0.2564, 0.2762)},
}
_XCIT_FOR_CIFAR: Mapping[int, Mapping[str, Any]] = {
  10: _CIFAR_PIXELS[10] | {"patch_size": 4},
  100: {
    "mean": (0.5071, 0.4867, 0.4408),
    "std": (0.2675, 0.2565, 0.2761),
    "patch_size": 4,
  },
}
_IMAGENET_PIXELS = {
  "mean": (0.485, 0.456, 0.406),
  "std": (0.229, 0.224, 0.225),
}
_NUMBERED_NORMS = {"bn1": "batchnorm_0", "bn2": "batchnorm_1"}
_PYTORCH = {"padding": "symmetric"}
_UNUSED = ("sub_block1.",)
_WIDE = renaming("block{stage}.layer.{block}", {}, {})
_STAGES = renaming(
  "layer{stage}.{block}",
  {},
  {"shortcut_0": "shortcut.0", "shortcut_1": "shortcut.1"},
)
