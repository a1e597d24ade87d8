"""Exports the classifier of a run to a file that other programs read."""

import hashlib
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import safetensors.numpy
from flax import linen as nn
from jax import export as jax_export

from experiments import build
from experiments.cli import output
from experiments.export.card import card
from experiments.load_run import Run
from robust_jax import lookup, precision
from robust_jax.data.dataset import spec_of_batch
from robust_jax.files import atomic_write, write_json
from robust_jax.models.layout import Layout
from robust_jax.models.load_network import channels_of_images
from robust_jax.models.to_torch import to_torch
from robust_jax.types import PyTree

_PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


@precision.evaluation()
def export(
  run: Run, path: pathlib.Path, layout: str | None = None
) -> dict[str, Any]:
  """Writes the deployed classifier of a run, and a card beside it.

  `.safetensors` holds the parameters as tensors in PyTorch's layout, which
  `evaluate --weights` and PyTorch read. `.stablehlo` holds the whole program,
  for batches of any size and several platforms, which `jax.export.deserialize`
  reads; it can be differentiated once. The card is a JSON file, named like the
  file with `.json` after it, with what is known of the model, see `card`.

  Args:
    run: the run, at one of its checkpoints.
    path: the file, `.safetensors` or `.stablehlo`.
    layout: of tensors, a member of `models.layouts`; None for the names of the
      network's own layers.

  Returns:
    The card.

  Raises:
    ValueError: another kind of file, the run has no such classifier, the layout
      is not of its network, or a layer has no counterpart.
  """
  writers: dict[str, Callable[..., dict[str, Any]]] = {
    ".safetensors": _write_tensors,
    ".stablehlo": _write_program,
  }
  if path.suffix not in writers:
    raise ValueError(
      f"--out={path}: expected a file named *.safetensors (tensors in "
      "PyTorch's layout) or *.stablehlo (a program)."
    )
  if path.suffix == ".stablehlo" and layout is not None:
    raise ValueError(
      f"--layout={layout}: a program has no names of tensors. Leave it out."
    )
  x = spec_of_batch(run.dataset("test"))["x"]
  model = run.classifier()
  output.writable(path.parent, "--out")
  facts = writers[path.suffix](run, path, x, layout)
  facts["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
  made = card(run, model, x) | {"file": path.name} | facts
  write_json(_card_of(path), made)
  _print(path, made)
  return made


def _write_tensors(
  run: Run, path: pathlib.Path, x: PyTree, layout: str | None
) -> dict[str, Any]:
  """Writes the tensors; returns facts for the card."""
  network = _network(run)
  name = run.config.model.name
  known = lookup.find("models.layouts", layout)(name) if layout else None
  if known is not None:
    _refuse_other_arithmetic(network, known, f"layout '{layout}'")
  tensors = to_torch(
    run.variables,
    channels=channels_of_images(run.variables, x),
    rename=known.rename if known else None,
  )
  pixels = _pixels(network)
  if pixels and known and known.buffers:
    for buffer, values in zip(known.buffers, pixels.values(), strict=True):
      channels = np.broadcast_to(np.asarray(values, np.float32), x.shape[-1])
      tensors[buffer] = channels.reshape(1, -1, 1, 1).copy()
  elif pixels:
    print(
      "note: the network normalizes pixels by "
      f"{', '.join(f'{name} = {value}' for name, value in pixels.items())}, of "
      "which there are no tensors: in PyTorch do so before it."
    )
  if known is not None:
    options = known.options(tensors, network.num_classes)
    _note_other_options(network, options, str(layout))
  with atomic_write(path) as new:
    # The format that PyTorch libraries look for.
    new.write_bytes(safetensors.numpy.save(tensors, {"format": "pt"}))
  return {
    "format": "safetensors",
    "layout": layout or "own names",
    "input": _input_text((x.shape[-1], *x.shape[1:-1]), x.dtype),
    **({"normalization": pixels} if pixels else {}),
  }


def _write_program(
  run: Run, path: pathlib.Path, x: PyTree, layout: None
) -> dict[str, Any]:
  """Writes the program; returns facts for the card."""
  del layout
  (batch,) = jax_export.symbolic_shape("batch")
  of_any_size = jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct((batch, *leaf.shape[1:]), leaf.dtype), x
  )
  exported = jax_export.export(jax.jit(run.classifier()), platforms=_PLATFORMS)(
    of_any_size
  )
  with atomic_write(path) as new:
    new.write_bytes(exported.serialize(vjp_order=1))
  return {
    "format": "stablehlo",
    "platforms": list(_PLATFORMS),
    "input": jax.tree.map(
      lambda leaf: _input_text(leaf.shape[1:], leaf.dtype), x
    ),
  }


def _card_of(path: pathlib.Path) -> pathlib.Path:
  return path.with_name(f"{path.name}.json")


def _network(run: Run) -> nn.Module:
  """Returns the linen module whose variables are those of the run.

  Raises:
    ValueError: the run deploys something else than one network.
  """
  if "model" not in run.config:
    raise ValueError(
      f"{run.path} is a run of the task '{run.config.task.name}' with several "
      "networks, which have no tensors of one: expected a run with a section "
      "`model`, or --out=FILE.stablehlo."
    )
  return build.model(run.config, build.describe(run.config)[1])


def _pixels(network: nn.Module) -> dict[str, list[float]]:
  """Returns mean and standard deviation that pixels are normalized by."""
  found = {
    name: [float(one) for one in getattr(network, name, ())]
    for name in ("mean", "std")
  }
  return {} if set(found["mean"]) <= {0} and set(found["std"]) <= {1} else found


def _note_other_options(
  network: nn.Module, options: Mapping[str, Any], layout: str
) -> None:
  """Prints that readers of the layout assume other options, if they do."""
  own = {k: getattr(network, k) for k in options}
  own = {k: v for k, v in own.items() if v != options[k]}
  assumed = {k: options[k] for k in own}
  if own:
    said, given = (
      " and ".join(f"{k} = {v}" for k, v in one.items())
      for one in (assumed, own)
    )
    print(
      f"note: --layout={layout} assumes {said}, and the network has {given}: "
      "give these as options of --model where the file is read."
    )


def _refuse_other_arithmetic(
  network: nn.Module, layout: Layout, name: str
) -> None:
  for option, value in layout.fixed.items():
    if getattr(network, option) != value:
      raise ValueError(
        f"{name} is of networks with {option} = {value!r}, and the run's has "
        f"{getattr(network, option)!r}: PyTorch would compute something else. "
        "Leave --layout out, or choose another."
      )


def _input_text(shape: tuple[int, ...], dtype: np.dtype) -> str:
  is_image = len(shape) == 3 and np.issubdtype(dtype, np.floating)
  sizes = ", ".join(map(str, ("batch", *shape)))
  return f"[{sizes}] {dtype}{' in [0, 1]' if is_image else ''}"


def _print(path: pathlib.Path, made: dict[str, Any]) -> None:
  size = path.stat().st_size / 1e6
  print(
    f"{path}: {made['number_parameters']:,} parameters, {size:.1f} MB, sha256 "
    f"{made['sha256'][:16]}...; its card is {_card_of(path)}"
  )
  for what, field in (("clean", "clean"), ("AutoAttack", "autoattack")):
    said = "not measured on this checkpoint"
    if f"{field}_acc" in made:
      number = made[f"{field}_num_examples"]
      said = f"{made[f'{field}_acc']} % of {number:,} images"
    print(f"  {what}: {said}")
