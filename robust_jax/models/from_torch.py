"""Conversion of published PyTorch weights to linen models, without PyTorch."""

import re
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from robust_jax.types import PyTree

_SUFFIXES = {
  ("params", "kernel"): "weight",
  ("params", "bias"): "bias",
  ("params", "scale"): "weight",
  ("batch_stats", "mean"): "running_mean",
  ("batch_stats", "var"): "running_var",
}
_KINDS = {4: "convolution", 2: "linear layer", 1: "normalization"}


def from_torch(
  tensors: Mapping[str, np.ndarray],
  variables: PyTree,
  *,
  channels: int | None = None,
) -> PyTree:
  """Converts a PyTorch state dict to the variables of a linen model.

  Layers are matched by name, where `.` and `_` are equivalent: `layer1_0/bn1`
  matches `layer1.0.bn1`. Names that are numbers only (`0.weight`, `2.weight`,
  from nn.Sequential) are matched by position for each kind of layer: the n-th
  convolution of the file with the n-th one of the model, in the order of the
  numbers in the model's names (`conv1`, `conv2`), and likewise linear layers
  and normalizations.

  PyTorch flattens an image as `[C, H, W]`, linen as `[H, W, C]`, so the rows of
  the first linear layer are permuted. C is the number of channels of the
  model's last convolution. Where the names define no order of convolutions
  (residual networks), the layer must read pooled features, which need no
  permutation.

  Args:
    tensors: a PyTorch state dict as arrays. `num_batches_tracked` is ignored.
    variables: variables of the model, or their shapes from `jax.eval_shape`.
      The model consists of 2-d convolutions, dense layers and normalizations.
      A transposed convolution looks like a plain one: convert a model that has
      some by hand.
    channels: C, where the model does not determine it; 1 if the inputs of the
      first linear layer are not a flattened image of several channels.

  Returns:
    A new tree like `variables`.

  Raises:
    ValueError: tensors are missing, left over, of another shape or not floats
      (all of them are listed), or the order of layers or C is undetermined.

  Example:
    >>> import numpy as np
    >>> from robust_jax.models.from_torch import from_torch
    >>> tensors = {"fc.weight": np.ones((2, 3), np.float32)}
    >>> variables = {"params": {"fc": {"kernel": np.zeros((3, 2), np.float32)}}}
    >>> filled = from_torch(tensors, variables, channels=1)
    >>> filled["params"]["fc"]["kernel"].shape
    (3, 2)
  """
  leaves = flatten_dict(variables)
  kinds = _kinds(leaves)
  tensors = {
    name: tensor
    for name, tensor in tensors.items()
    if name.rpartition(".")[2] != "num_batches_tracked"
  }
  names = _torch_names(leaves, kinds, tensors)
  _check(leaves, names, tensors)
  flattened = _flattened(leaves, kinds, channels)
  filled = {
    leaf: jnp.asarray(
      _to_linen(tensors[name], flattened.get(leaf, 1)), leaves[leaf].dtype
    )
    for leaf, name in names.items()
  }
  return unflatten_dict(filled)


def _to_linen(tensor, channels):
  if tensor.ndim == 4:  # [out, in, height, width] -> [height, width, in, out]
    return tensor.transpose(2, 3, 1, 0)
  if tensor.ndim == 2:  # [out, channels x pixels] -> [pixels x channels, out]
    split = tensor.reshape(len(tensor), channels, -1)
    return split.transpose(2, 1, 0).reshape(-1, len(tensor))
  return tensor


def _to_torch_shape(shape):
  if len(shape) == 4:
    return (shape[3], shape[2], shape[0], shape[1])
  return tuple(reversed(shape))


def _kinds(leaves):
  """Maps the path of each linen module to its kind, by its weight's rank."""
  weights = {
    leaf[1:-1]: value
    for leaf, value in leaves.items()
    if leaf[-1] in ("kernel", "scale")
  }
  unknown = [
    "/".join(leaf)
    for leaf in leaves
    if (leaf[0], leaf[-1]) not in _SUFFIXES
    or leaf[1:-1] not in weights
    or len(weights[leaf[1:-1]].shape) not in _KINDS
  ]
  if unknown:
    raise ValueError(
      "tensors fit 2-d convolutions, linear layers and normalizations only; "
      "the model also has " + ", ".join(unknown) + "."
    )
  return {module: _KINDS[len(w.shape)] for module, w in weights.items()}


def _torch_names(leaves, kinds, tensors):
  """Maps each linen leaf to the name of its tensor."""
  prefixes = {name.rpartition(".")[0] for name in tensors}
  if all(re.fullmatch(r"\d+(\.\d+)*", prefix) for prefix in prefixes):
    found = _by_position(kinds, tensors)
  else:
    found = _by_name(kinds, prefixes)
  return {
    leaf: f"{found[leaf[1:-1]]}.{_SUFFIXES[leaf[0], leaf[-1]]}"
    for leaf in leaves
  }


def _by_name(kinds, prefixes):
  spelled = {}
  for prefix in sorted(prefixes):
    plain = prefix.replace("_", ".")
    if plain in spelled:
      raise ValueError(
        f"'{spelled[plain]}' and '{prefix}' differ only in '.' and '_', which "
        "are treated alike: rename one of them."
      )
    spelled[plain] = prefix
  expected = {module: ".".join(module).replace("_", ".") for module in kinds}
  return {module: spelled.get(name, name) for module, name in expected.items()}


def _by_position(kinds, tensors):
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
    expected = _in_order([m for m in kinds if kinds[m] == kind], kind)
    given += [f"({kind} {n + 1})" for n in range(len(given), len(expected))]
    found.update(zip(expected, given, strict=False))
  return found


def _in_order(modules, kind):
  """Sorts module paths by the numbers in their names."""
  if not _are_numbered_alike(modules):
    raise ValueError(
      f"which {kind} of the model comes first cannot be told from their names "
      + ", ".join("/".join(module) for module in modules)
      + ": expected names that differ in numbers only (conv1, conv2); or name "
      "the tensors like the model's layers (conv1.weight)."
    )
  return sorted(modules, key=lambda module: _numbers("/".join(module)))


def _are_numbered_alike(modules):
  return len({re.sub(r"\d+", "#", "/".join(m)) for m in modules}) <= 1


def _numbers(name):
  return [int(number) for number in re.findall(r"\d+", name)]


def _check(leaves, names, tensors):
  problems = []
  for leaf, name in names.items():
    expected, place = _to_torch_shape(leaves[leaf].shape), "/".join(leaf)
    if name not in tensors:
      problems.append(f"missing: {name} {expected} for {place}")
    elif tensors[name].shape != expected:
      problems.append(
        f"wrong shape: {name} is {tensors[name].shape}, expected {expected} "
        f"for {place}"
      )
    elif not jnp.issubdtype(tensors[name].dtype, jnp.floating):
      problems.append(
        f"wrong type: {name} is {tensors[name].dtype}, expected floats"
      )
  for name in sorted(set(tensors) - set(names.values())):
    problems.append(f"left over: {name} {tensors[name].shape}")
  if problems:
    raise ValueError(
      "the tensors do not fit the model; rename or remove them, or build the "
      "model that they come from:\n  " + "\n  ".join(problems)
    )


def _flattened(leaves, kinds, channels):
  """Maps the kernel that reads a flattened image, if any, to the image's C."""
  linear = [m for m in kinds if kinds[m] == "linear layer"]
  if not linear or channels == 1:
    return {}
  first = ("params", *_in_order(linear, "linear layer")[0], "kernel")
  inputs = leaves[first].shape[0]
  if channels is None:
    channels = _channels_before(inputs, leaves, kinds)
  if channels is None or channels < 1 or inputs % channels:
    raise ValueError(
      f"{'/'.join(first)} reads {inputs} numbers, which cannot be a flattened "
      f"image of {'unknown' if channels is None else channels} channels: pass "
      "channels=C, with 1 for what is no image of several channels."
    )
  return {first: channels}


def _channels_before(inputs, leaves, kinds):
  convolutions = [m for m in kinds if kinds[m] == "convolution"]
  outputs = {m: leaves["params", *m, "kernel"].shape[3] for m in convolutions}
  if convolutions and _are_numbered_alike(convolutions):
    return outputs[_in_order(convolutions, "convolution")[-1]]
  return inputs if inputs in outputs.values() else None
