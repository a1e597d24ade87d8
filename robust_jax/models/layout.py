"""The names and conventions of the tensors of one network in a file."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple


class Layout(NamedTuple):
  """Names and conventions of weights of one network.

  Attributes:
    rename: path of a linen layer, such as "layer1_0/bn1", -> the name of its
      module in PyTorch, such as "layer1.0.bn1".
    fixed: options of the network without which it computes something else than
      the published code.
    usual: options that the published weights have; others may be chosen.
    by_classes: number of classes -> options of the network that the published
      code has as constants, such as `mean` and `std` of the pixels.
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
  by_classes: Mapping[int, Mapping[str, Any]] = {}
  absent: Mapping[str, Mapping[str, Any]] = {}
  unused: tuple[str, ...] = ()
  buffers: tuple[str, ...] = ()

  def options(self, names: Collection[str], num_classes: int) -> dict[str, Any]:
    """Returns the options of the network for a file with tensors so named."""
    constants = self.by_classes.get(num_classes, {})
    found = {**self.usual, **constants, **self.fixed}
    for beginning, options in self.absent.items():
      if not any(name.startswith(beginning) for name in names):
        found |= options
    return found


def renaming(
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


def spelled_with(*words: str, **others: str) -> Callable[[str], str]:
  """Makes the function that names modules by their paths with "." for "_".

  Args:
    *words: names of modules that have a "_", as in "conv_dw".
    **others: names of layers -> their names, where these differ.
  """

  def rename(path: str) -> str:
    name = others.get(path, path).replace("/", ".").replace("_", ".")
    for word in words:
      name = name.replace(word.replace("_", "."), word)
    return name

  return rename


def choose(name: str, network: str, known: Mapping[str, Layout]) -> Layout:
  """Returns the layout of a network by the names of those that there are.

  Args:
    name: of the layout, for the message.
    network: of the network, up to case and underscores.
    known: name of a network -> its layout.

  Raises:
    ValueError: the network is none of these.
  """
  for key, layout in known.items():
    # As `lookup` does: a class may be named as in a config.
    if key.replace("_", "") == network.replace("_", "").lower():
      return layout
  raise ValueError(
    f"layout '{name}' has no network '{network}': expected "
    f"{' or '.join(known)}."
  )
