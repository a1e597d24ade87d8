"""Names of the tensors of a linen model in a PyTorch state dict."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

Leaf = tuple[str, ...]
"""Path of a variable of a linen model: ("params", "fc", "kernel")."""

_SUFFIXES = {
  ("params", "kernel"): "weight",
  ("params", "bias"): "bias",
  ("params", "scale"): "weight",
  ("batch_stats", "mean"): "running_mean",
  ("batch_stats", "var"): "running_var",
}
# Parameters that a network or a block holds itself, beside its layers.
_OWN = {
  "gamma": "gamma",
  "gamma1": "gamma1",
  "gamma2": "gamma2",
  "gamma3": "gamma3",
  "attn_temperature": "attn.temperature",
  "cls_token": "cls_token",
}
_SUFFIXES |= {("params", name): suffix for name, suffix in _OWN.items()}
_KINDS = {4: "convolution", 2: "linear layer", 1: "normalization"}


def torch_names(
  leaves: Mapping[Leaf, Any],
  tensors: Mapping[str, np.ndarray] | None = None,
  rename: Callable[[str], str] | None = None,
) -> dict[Leaf, str]:
  """Returns the name of the tensor of each variable.

  Args:
    leaves: variables of the model, flattened, or their shapes.
    tensors: the state dict whose names are matched, see `from_torch`; None for
      the names that the model's own have with "." for "/" and "_".
    rename: path of a layer, such as "layer1_0/bn1", -> the name of its module,
      see `layouts`; it takes the place of any matching.

  Raises:
    ValueError: the model has other layers than convolutions, linear layers,
      normalizations and certain parameters of blocks, such as `gamma`, or the
      order of layers is undetermined.

  Example:
    >>> import numpy as np
    >>> from robust_jax.models.torch_names import torch_names
    >>> torch_names({("params", "fc_1", "kernel"): np.zeros((3, 2))})
    {('params', 'fc_1', 'kernel'): 'fc.1.weight'}
  """
  layers = kinds(leaves)
  paths = [leaf[1:-1] for leaf in leaves]
  found = {path: ".".join(path).replace("_", ".") for path in paths}
  if rename is not None:
    found = {path: rename("/".join(path)) for path in paths}
  elif tensors is not None:
    found |= _matched(found, layers, tensors)
  suffixes = {leaf: _SUFFIXES[leaf[0], leaf[-1]] for leaf in leaves}
  return {
    leaf: f"{found[leaf[1:-1]]}.{suffix}".removeprefix(".")
    for leaf, suffix in suffixes.items()
  }


def kinds(leaves: Mapping[Leaf, Any]) -> dict[Leaf, str]:
  """Maps the path of each layer to its kind, which its weight's rank tells.

  Raises:
    ValueError: the model has other layers.
  """
  weights = {
    leaf[1:-1]: value
    for leaf, value in leaves.items()
    if leaf[-1] in ("kernel", "scale")
  }
  unknown = [
    "/".join(leaf)
    for leaf in leaves
    if (leaf[0], leaf[-1]) not in _SUFFIXES
    or not (leaf[-1] in _OWN or _is_layer(weights.get(leaf[1:-1])))
  ]
  if unknown:
    raise ValueError(
      "tensors fit 2-d convolutions, linear layers and normalizations only; "
      "the model also has " + ", ".join(unknown) + "."
    )
  return {layer: _KINDS[len(w.shape)] for layer, w in weights.items()}


def _is_layer(weight):
  return weight is not None and len(weight.shape) in _KINDS


def channels_of_flattened(
  leaves: Mapping[Leaf, Any], channels: int | None
) -> dict[Leaf, int]:
  """Maps the kernel that reads a flattened image, if any, to its channels.

  Args:
    leaves: variables of the model, flattened, or their shapes.
    channels: number of channels; None for that of the last convolution.

  Raises:
    ValueError: the number is undetermined, or does not divide the inputs.
  """
  layers = kinds(leaves)
  linear = [m for m in layers if layers[m] == "linear layer"]
  if not _are_numbered_alike(linear):
    linear = [m for m in linear if not _reads_its_block(m, leaves, layers)]
  if not linear or channels == 1:
    return {}
  first = ("params", *_in_order(linear, "linear layer")[0], "kernel")
  inputs = leaves[first].shape[0]
  if channels is None:
    channels = _channels_before(inputs, leaves, layers)
  if channels is None or channels < 1 or inputs % channels:
    raise ValueError(
      f"{'/'.join(first)} reads {inputs} numbers, which cannot be a flattened "
      f"image of {'unknown' if channels is None else channels} channels: pass "
      "channels=C, with 1 for what is no image of several channels."
    )
  return {first: channels}


def _reads_its_block(layer, leaves, layers):
  """Tells whether a linear layer reads the channels of a layer of its block.

  It is applied to each pixel then, as in ConvNeXt. As many outputs as it has
  inputs are taken for a sign of that.
  """
  block = layer[:-1]
  inputs = leaves["params", *layer, "kernel"].shape[0]
  outputs = [
    leaves["params", *other, "kernel"].shape[-1]
    for other in layers
    if other[:-1] == block
    and other != layer
    and layers[other] != "normalization"
  ]
  return bool(block) and inputs in outputs


def _channels_before(inputs, leaves, layers):
  convolutions = [m for m in layers if layers[m] == "convolution"]
  outputs = {m: leaves["params", *m, "kernel"].shape[3] for m in convolutions}
  if convolutions and _are_numbered_alike(convolutions):
    return outputs[_in_order(convolutions, "convolution")[-1]]
  return inputs if inputs in outputs.values() else None


def _matched(expected, layers, tensors):
  """Maps paths to modules of the file, by expected name or by position."""
  modules = {name.rpartition(".")[0] for name in tensors}
  if all(re.fullmatch(r"\d+(\.\d+)*", module) for module in modules):
    return _by_position(layers, tensors)
  return _by_name(expected, modules)


def _by_name(expected, modules: Collection[str]):
  spelled: dict[str, str] = {}
  for module in sorted(modules):
    plain = module.replace("_", ".")
    if plain in spelled:
      raise ValueError(
        f"'{spelled[plain]}' and '{module}' differ only in '.' and '_', which "
        "are treated alike: rename one of them."
      )
    spelled[plain] = module
  return {path: spelled.get(name, name) for path, name in expected.items()}


def _by_position(layers, tensors):
  found = {}
  for kind in _KINDS.values():
    given = sorted(
      (
        name.removesuffix(".weight")
        for name, tensor in tensors.items()
        if name.endswith(".weight") and _KINDS.get(tensor.ndim) == kind
      ),
      key=_numbers,
    )
    expected = _in_order([m for m in layers if layers[m] == kind], kind)
    given += [f"({kind} {n + 1})" for n in range(len(given), len(expected))]
    found.update(zip(expected, given, strict=False))
  return found


def _in_order(layers, kind):
  """Sorts paths of layers by the numbers in their names."""
  if not _are_numbered_alike(layers):
    raise ValueError(
      f"which {kind} of the model comes first cannot be told from their names "
      + ", ".join("/".join(layer) for layer in layers)
      + ": expected names that differ in numbers only (conv1, conv2); or name "
      "the tensors like the model's layers (conv1.weight)."
    )
  return sorted(layers, key=lambda layer: _numbers("/".join(layer)))


def _are_numbered_alike(layers):
  return len({re.sub(r"\d+", "#", "/".join(m)) for m in layers}) <= 1


def _numbers(name):
  return [int(number) for number in re.findall(r"\d+", name)]
