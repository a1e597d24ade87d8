"""Networks with published weights: from a file and its layout to a model."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.traverse_util import flatten_dict

from robust_jax import lookup
from robust_jax.models.from_torch import from_torch
from robust_jax.models.load_tensors import load_tensors
from robust_jax.types import PyTree

_MEAN = ("mean", "mu", "new_mean")
_STD = ("std", "sigma", "new_std")
# MadryLab's robustness holds the network a second time, in its attacker.
_COPY = re.compile(r"(module\.)?attacker\.")
# Modules around a network: of DataParallel, of wrappers (one of adversarial
# training), of torch.compile, and the second of nn.Sequential(normalization,
# network).
_WRAPPERS = ("module", "model", "base_model", "_orig_mod", "1")


class WeightsFile(NamedTuple):
  """Tensors of a file, without what is wrapped around the network.

  Attributes:
    tensors: tensors of the network by name.
    options: options of the network that layout and file determine.
    unused: names of tensors that are not used.
    rename: see `torch_names`; None to match names.
  """

  tensors: dict[str, np.ndarray]
  options: dict[str, Any]
  unused: list[str]
  rename: Callable[[str], str] | None


def load_network(
  path: str | Path,
  network: str,
  *,
  layout: str | None = None,
  image_shape: tuple[int, ...] = (32, 32, 3),
  **options: Any,
) -> tuple[nn.Module, PyTree]:
  """Loads a network with published weights from a file.

  Args:
    path: an `.npz` or `.safetensors` file, see `load_tensors`.
    network: a member of `models`, such as "wide_resnet".
    layout: a member of `models.layouts`, such as "deepmind"; None if names are
      those of the network, see `from_torch`.
    image_shape: shape `(H, W, C)` of an image.
    **options: options of the network, such as depth=70.

  Returns:
    The network and its variables.

  Raises:
    ValueError: the file cannot be read, the layout is not of such a network, a
      tensor does not fit, or an option contradicts the layout or the file.

  Example:
    >>> import os, tempfile
    >>> import numpy as np
    >>> from robust_jax.models.load_network import load_network
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.npz")
    >>> sizes = {"0": (16, 1, 4, 4), "2": (32, 16, 4, 4), "5": (100, 32)}
    >>> sizes |= {"7": (10, 100)}
    >>> tensors = {f"{k}.weight": np.ones(v) for k, v in sizes.items()}
    >>> tensors |= {f"{k}.bias": np.ones(v[0]) for k, v in sizes.items()}
    >>> np.savez(path, **tensors)
    >>> net, variables = load_network(
    ...   path, "small_cnn", layout="wong", image_shape=(4, 4, 1)
    ... )
    >>> net.apply(variables, np.ones((2, 4, 4, 1), np.float32)).shape
    (2, 10)
  """
  make = lookup.find("models", network)
  num_classes = options.get("num_classes", getattr(make, "num_classes", 0))
  file = read_layout(load_tensors(path), network, layout, num_classes, options)
  model = make(**file.options | options)
  x = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
  return model, fill(model, file, x)


def read_layout(
  tensors: Mapping[str, np.ndarray],
  network: str,
  layout: str | None,
  num_classes: int,
  given: Mapping[str, Any],
) -> WeightsFile:
  """Finds out what layout and file say of a network.

  Wrappers (`module.`, `model.`) are removed from names, copies in MadryLab's
  `attacker` are left out, and a mean and standard deviation of the pixels
  become the network's options `mean` and `std`.

  Args:
    tensors: all tensors of the file.
    network: a member of `models`.
    layout: a member of `models.layouts`, or None.
    num_classes: number of classes.
    given: options of the network that the user has chosen.

  Raises:
    ValueError: the layout is not of such a network, or an option that is given
      contradicts the layout or the file.
  """
  copies = [name for name in tensors if _COPY.match(name)]
  found = {k: v for k, v in tensors.items() if k not in copies}
  found, pixels = _without_pixels(found)
  found = _without_wrappers(found)
  _refuse_contradiction(given, pixels, "the file")
  if layout is None:
    return WeightsFile(found, pixels, copies, None)
  known = lookup.find("models.layouts", layout)(network)
  _refuse_contradiction(given, known.fixed, f"layout '{layout}'")
  options = known.options(found, num_classes) | pixels
  unused = [name for name in found if name.startswith(known.unused)]
  kept = {k: v for k, v in found.items() if k not in unused}
  return WeightsFile(kept, options, copies + unused, known.rename)


def fill(model: nn.Module, file: WeightsFile, x: PyTree) -> PyTree:
  """Returns the variables of a network with the tensors of a file.

  Args:
    model: the network.
    file: what was read.
    x: images `[B, H, W, C]`, or their shape.

  Raises:
    ValueError: tensors are missing, left over or of another shape.
  """
  shapes = jax.eval_shape(model.init, jax.random.key(0), x)
  return from_torch(
    file.tensors,
    shapes,
    channels=channels_of_images(shapes, x),
    rename=file.rename,
  )


def channels_of_images(variables: PyTree, x: PyTree) -> int | None:
  """Returns the `channels` of `from_torch` that images determine.

  A network without convolutions flattens the images themselves; the channels of
  another one are those of its convolutions.
  """
  ranks = [len(leaf.shape) for leaf in flatten_dict(variables).values()]
  shape: tuple[int, ...] = getattr(x, "shape", ())
  return None if 4 in ranks or len(shape) != 4 else shape[-1]


def _without_pixels(tensors):
  """Splits mean and standard deviation of the pixels off, if there are any."""
  means = {_parent(name): name for name in tensors if _last(name) in _MEAN}
  stds = {_parent(name): name for name in tensors if _last(name) in _STD}
  parents = [parent for parent in means if parent in stds]
  if len(parents) > 1:
    raise ValueError(
      "the file normalizes pixels by "
      f"{' and by '.join(means[parent] for parent in parents)}: expected one "
      "mean; remove the others."
    )
  named = {"mean": means, "std": stds} if parents else {}
  found = {option: names[parents[0]] for option, names in named.items()}
  # The shortest decimal numbers of these float32: 0.3, not 0.30000001192.
  pixels = {
    option: tuple(float(str(np.float32(one))) for one in tensors[name].ravel())
    for option, name in found.items()
  }
  rest = {k: v for k, v in tensors.items() if k not in found.values()}
  return rest, pixels


def _without_wrappers(tensors):
  while True:
    first = {name.partition(".")[0] for name in tensors}
    if len(first) != 1:
      return tensors
    inner = {k.partition(".")[2]: v for k, v in tensors.items()}
    if not first <= set(_WRAPPERS) or not any("." in name for name in inner):
      return tensors
    tensors = inner


def _parent(name):
  return name.rpartition(".")[0]


def _last(name):
  return name.rpartition(".")[2]


def _refuse_contradiction(given, determined, by):
  for option, value in determined.items():
    if option in given and not _equal(given[option], value):
      raise ValueError(
        f"{option} = {given[option]!r}, but {by} has {value!r}: leave {option} "
        "out, or give what the weights were trained with."
      )


def _equal(one, other):
  if isinstance(other, tuple):
    return np.shape(one) == np.shape(other) and np.allclose(one, other, 1e-4)
  return one == other
