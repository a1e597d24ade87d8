"""Conversion of published PyTorch weights to linen models, without PyTorch."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from robust_jax.models.torch_names import channels_of_flattened, torch_names
from robust_jax.types import PyTree

_MOST_OF_A_KIND = 8  # a network of another depth has hundreds


def from_torch(
  tensors: Mapping[str, np.ndarray],
  variables: PyTree,
  *,
  channels: int | None = None,
  rename: Callable[[str], str] | None = None,
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
  permutation. Neither do linear layers of a block that read the channels of
  another of its layers.

  Args:
    tensors: a PyTorch state dict as arrays. `num_batches_tracked` is ignored.
    variables: variables of the model, or their shapes from `jax.eval_shape`.
      The model consists of 2-d convolutions, dense layers, normalizations and
      parameters of blocks such as `gamma`.
      A transposed convolution looks like a plain one: convert a model that has
      some by hand.
    channels: C, where the model does not determine it; 1 if the inputs of the
      first linear layer are not a flattened image of several channels.
    rename: path of a layer -> the name of its module in the file, if names do
      not match: the `rename` of a layout, see `layouts`.

  Returns:
    A new tree like `variables`.

  Raises:
    ValueError: tensors are missing, left over, of another shape or not floats
      (the first 8 of each kind are listed), or the order of layers or C is
      undetermined.

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
  tensors = {
    name: tensor
    for name, tensor in tensors.items()
    if name.rpartition(".")[2] != "num_batches_tracked"
  }
  names = torch_names(leaves, tensors, rename)
  _check(leaves, names, tensors)
  flattened = channels_of_flattened(leaves, channels)
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
  return shape[::-1] if len(shape) == 2 else shape


def _check(leaves, names, tensors):
  missing, unfit = [], []
  for leaf, name in names.items():
    expected, place = _to_torch_shape(leaves[leaf].shape), "/".join(leaf)
    if name not in tensors:
      missing.append(f"missing: {name} {expected} for {place}")
    elif tensors[name].shape != expected:
      unfit.append(
        f"wrong shape: {name} is {tensors[name].shape}, expected {expected} "
        f"for {place}"
      )
    elif not jnp.issubdtype(tensors[name].dtype, jnp.floating):
      unfit.append(
        f"wrong type: {name} is {tensors[name].dtype}, expected floats"
      )
  left_over = [
    f"left over: {name} {tensors[name].shape}"
    for name in sorted(set(tensors) - set(names.values()))
  ]
  problems = [*_first(missing), *_first(unfit), *_first(left_over)]
  if problems:
    raise ValueError(
      "the tensors do not fit the model; rename or remove them, or build the "
      "model that they come from:\n  " + "\n  ".join(problems)
    )


def _first(problems):
  """The first problems of a kind, and how many more there are."""
  more = len(problems) - _MOST_OF_A_KIND
  if more <= 0:
    return problems
  kind = problems[0].partition(":")[0]
  return [*problems[:_MOST_OF_A_KIND], f"{kind}: {more} more"]
