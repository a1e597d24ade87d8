"""Models with published PyTorch weights, to be evaluated."""

import math
import pathlib
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import rich.box
import rich.table
from flax import linen as nn
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

from experiments import build
from experiments.adversarial_examples.images import LabeledImages
from robust_jax import parallel
from robust_jax.data.dataset import spec_of_batch
from robust_jax.models.inference import inference_fn
from robust_jax.models.load_network import WeightsFile, fill, read_layout
from robust_jax.models.load_tensors import load_tensors
from robust_jax.models.torch_names import Leaf, kinds, torch_names
from robust_jax.plotting.tables import print_table
from robust_jax.types import Model, PyTree


def from_weights(
  config: ConfigDict,
  weights: pathlib.Path | str,
  layout: str | None = None,
  images: LabeledImages | None = None,
) -> Model:
  """Makes the model of a config with tensors from a file.

  Prints the layers with their names in the file and their shapes, the number of
  parameters, and the options that layout and file determine.

  Args:
    config: config of the model, its data and its evaluation.
    weights: tensors in PyTorch's layout, `.npz` or `.safetensors`.
    layout: a member of `models.layouts`; None if names are those of the model.
    images: images that determine the input of the network and its number of
      classes; None for the data of the config.

  Returns:
    The frozen model.

  Raises:
    ValueError: the file cannot be read, its tensors do not fit the model, or an
      option of the model contradicts the layout or the file.
  """
  tensors = load_tensors(weights)
  facts, x = _input(config, images)
  given = config.model.to_dict()
  file = read_layout(
    tensors, given["name"], layout, facts["num_classes"], given
  )
  model = build.model(_with_options(config, file.options), facts)
  variables = fill(model, file, x)
  if parallel.is_lead():
    _print(pathlib.Path(weights).name, model, file, variables)
  return inference_fn(model, variables)


def _input(config, images) -> tuple[Mapping[str, Any], PyTree]:
  """Returns facts of the data, the number of classes among them, and x."""
  if images is not None:
    return {"num_classes": len(images.class_names)}, images.x[:1]
  dataset = build.dataset(config, "test")
  num_classes = dataset.fact("num_classes")
  facts = dict(dataset.info) | {"num_classes": num_classes}
  return facts, spec_of_batch(dataset)["x"]


def _with_options(config: ConfigDict, options: Mapping[str, Any]) -> ConfigDict:
  """Returns the config with these options of the model, below its own."""
  changed = ConfigDict(config.to_dict())
  changed.model = {**options, **changed.model.to_dict()}
  return changed


def _print(
  name: str, model: nn.Module, file: WeightsFile, variables: PyTree
) -> None:
  leaves = flatten_dict(variables)
  names = torch_names(leaves, file.tensors, file.rename)
  print_table(_table(name, leaves, names, file))
  parameters, statistics = (
    sum(leaf.size for path, leaf in leaves.items() if path[0] == collection)
    for collection in ("params", "batch_stats")
  )
  print(
    f"{type(model).__name__}: {parameters:,} parameters and {statistics:,} "
    f"running statistics; each of {len(leaves)} tensors has its place."
  )
  if file.unused:
    print(f"not used: {', '.join(file.unused)}")
  options = {option: getattr(model, option) for option in file.options}
  if hasattr(model, "dtype"):
    options["dtype"] = jnp.dtype(model.dtype).name
  said = ", ".join(f"{key} = {value}" for key, value in options.items())
  print(f"options of the network: {said}")


def _table(name, leaves, names, file) -> rich.table.Table:
  table = rich.table.Table(title=name, box=rich.box.SIMPLE_HEAD)
  for title in ("in the file", "layer", "shape in the file", "parameters"):
    table.add_column(title, justify="right" if "param" in title else "left")
  layers = kinds(leaves)
  rows: dict[Leaf, list[Leaf]] = {}
  for path in leaves:
    if path[0] == "params":
      row = path[1:-1] if path[1:-1] in layers else path[1:]
      rows.setdefault(row, []).append(path)
  for row, own in rows.items():
    weight = max(own, key=lambda path: leaves[path].ndim)
    name = names[weight]
    table.add_row(
      name.rpartition(".")[0] if row in layers else name,
      "/".join(row),
      "x".join(map(str, file.tensors[name].shape)),
      f"{sum(math.prod(leaves[path].shape) for path in own):,}",
    )
  return table
