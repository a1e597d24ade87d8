"""Report of a Fader autoencoder, compared to its control."""

import functools
import pathlib
from typing import Any

import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build
from experiments.examples import Examples
from experiments.reports._attribute_swaps import (
  MEASURES,
  HostAutoencoder,
  decode_all,
  select_styles,
)
from experiments.reports._compare_to_control import compare_to_control
from robust_jax.files import write_json
from robust_jax.plotting.attribute_swaps import draw_attribute_swaps
from robust_jax.plotting.tables import print_table
from robust_jax.probes.attribute_swap import attribute_swap
from robust_jax.probes.linear_probe import linear_probe
from robust_jax.probes.mlp_probe import mlp_probe

# Label vectors between one class (0) and another (1), and beyond both.
_WEIGHTS = np.round(np.arange(-0.5, 1.75, 0.25), 2)
_ROWS = {
  "linear_probe": "fresh linear probe of the code",
  "mlp_probe": "fresh nonlinear probe of the code",
  "co_trained_accuracy": "its own classifier (no evidence)",
  "reconstruction": "squared error of a pixel",
  "swap_accuracy": "swapped images recognized",
  "thickness_kept": "correlation of thickness across a row",
  "slant_kept": "correlation of slant across a row",
}


def fader_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Measures the run in `path` and its control in `path/control`.

  - Fresh probes, linear and not, are trained on frozen codes of training images
    and evaluated on codes of test images.
  - The reconstruction error is compared to that of the control.
  - The class of every test image is swapped for every other class, and an
    independent classifier is applied to the results.
  - Thickness and slant of the strokes of original and swapped images are
    correlated, see `probes.attribute_swap`.

  Writes `report.json`, `grid.png` and `interpolation.png` to `path`, and prints
  a table.

  Args:
    path: work directory of a finished run.
    config: config of the run; its section `evaluation` may differ.
    num_examples: number of test images; None for all.

  Returns:
    The report.

  Raises:
    ValueError: a run is missing or has no checkpoint.
  """
  num_classes = build.dataset(config, "test").fact("num_classes")
  measure = functools.partial(_measure, num_classes)
  result, autoencoder, test = compare_to_control(
    path, config, num_examples, measure
  )
  result["chance"] = float(np.bincount(test.y).max() / len(test.y))
  write_json(path / "report.json", result)
  _draw(path, autoencoder, num_classes, test)
  print_table(_table(result))
  return result


def _measure(num_classes, autoencoder, train, test, classify) -> dict[str, Any]:
  """The report of one autoencoder."""
  codes = {
    "features": autoencoder.encode(train.x),
    "labels": train.y,
    "held_out_features": autoencoder.encode(test.x),
    "held_out_labels": test.y,
  }
  vectors = np.eye(num_classes, dtype=np.float32)
  own = autoencoder.decode(codes["held_out_features"], vectors[test.y])
  swaps = attribute_swap(
    lambda x, y: autoencoder.decode(autoencoder.encode(x), vectors[y]),
    test.x,
    test.y,
    num_classes,
    classify,
    MEASURES,
  )
  max_examples = len(train.y)
  return {
    "linear_probe": linear_probe(**codes, max_examples=max_examples),
    "mlp_probe": mlp_probe(**codes, max_examples=max_examples),
    "reconstruction": float(np.square(own - test.x).mean()),
    "swap_accuracy": float(swaps.agreement.mean()),
    "swap_accuracy_by_class": swaps.agreement.tolist(),
  } | {f"{name}_kept": float(v.mean()) for name, v in swaps.style.items()}


def _draw(
  path: pathlib.Path,
  autoencoder: HostAutoencoder,
  num_classes: int,
  test: Examples,
) -> None:
  """Draws an image of each class as all classes, and faded into the next."""
  chosen = select_styles(test.x, test.y)
  x, labels = test.x[chosen], test.y[chosen]
  eye = np.eye(num_classes, dtype=np.float32)
  as_all = decode_all(autoencoder, x, np.tile(eye, (len(x), 1, 1)))
  as_all[np.arange(len(x)), labels] = x
  draw_attribute_swaps(
    path / "grid.png",
    as_all,
    [f"{label}" for label in labels],
    [f"{label}" for label in range(num_classes)],
    originals=list(enumerate(labels)),
    axes_labels=("the style of", "decoded as"),
  )
  following = (labels + 1) % num_classes
  step = eye[following] - eye[labels]
  between = eye[labels][:, None] + _WEIGHTS[:, None] * step[:, None]
  faded = decode_all(autoencoder, x, between)
  draw_attribute_swaps(
    path / "interpolation.png",
    np.concatenate([x[:, None], faded], axis=1),
    [f"{a} to {b}" for a, b in zip(labels, following, strict=True)],
    ["", *(f"{weight:g}" for weight in _WEIGHTS)],
    originals=[(row, 0) for row in range(len(x))],
    axes_labels=("", "the original, and the weight of the other label"),
  )


def _table(result: dict[str, Any]) -> rich.table.Table:
  table = rich.table.Table(
    title=f"{result['num_examples']} test images, chance "
    f"{100 * result['chance']:.1f} %; accuracy of the independent classifier "
    f"{100 * result['independent_classifier_accuracy']:.2f} %",
    box=rich.box.SIMPLE_HEAD,
  )
  table.add_column("")
  for name in ("run", "control"):
    table.add_column(name, justify="right")
  for key, text in _ROWS.items():
    shown = (f"{result[name][key]:.4f}" for name in ("run", "control"))
    table.add_row(text, *shown)
  table.add_row(
    "error relative to the control",
    *(f"{result['reconstruction_ratio']:.3f}", ""),
  )
  return table
