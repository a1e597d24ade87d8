"""Conversion of the variables of linen models to PyTorch's layout."""

from collections.abc import Callable

import numpy as np
from flax.traverse_util import flatten_dict

from robust_jax.models.torch_names import channels_of_flattened, torch_names
from robust_jax.types import PyTree


def to_torch(
  variables: PyTree,
  *,
  channels: int | None = None,
  rename: Callable[[str], str] | None = None,
) -> dict[str, np.ndarray]:
  """Converts the variables of a linen model to a PyTorch state dict.

  It is the inverse of `from_torch`, bit for bit.

  Args:
    variables: variables of the model: 2-d convolutions, dense layers,
      normalizations and parameters of blocks such as `gamma`.
    channels: number of channels of the image that the first linear layer reads
      flattened, where the model does not determine it, see `from_torch`.
    rename: path of a layer -> the name of its module, see `layouts`; by default
      the path with "." for "/" and "_".

  Returns:
    The tensors by name.

  Raises:
    ValueError: the model has other layers, or the order of layers or the number
      of channels is undetermined.

  Example:
    >>> import numpy as np
    >>> from robust_jax.models.to_torch import to_torch
    >>> variables = {"params": {"fc": {"kernel": np.zeros((3, 2), np.float32)}}}
    >>> {k: v.shape for k, v in to_torch(variables, channels=1).items()}
    {'fc.weight': (2, 3)}
  """
  leaves = flatten_dict(variables)
  flattened = channels_of_flattened(leaves, channels)
  return {
    name: _to_torch(np.asarray(leaves[leaf]), flattened.get(leaf, 1))
    for leaf, name in torch_names(leaves, rename=rename).items()
  }


def _to_torch(array, channels):
  if array.ndim == 4:  # [height, width, in, out] -> [out, in, height, width]
    array = array.transpose(3, 2, 0, 1)
  if array.ndim == 2:  # [pixels x channels, out] -> [out, channels x pixels]
    split = array.reshape(-1, channels, array.shape[1])
    array = split.transpose(2, 1, 0).reshape(array.shape[1], -1)
  return np.ascontiguousarray(array)
