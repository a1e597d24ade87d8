"""What a Fader autoencoder forgot, kept and can redraw, beside its control."""

import functools
import pathlib
from typing import Any

import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build
from experiments.examples import Examples
from experiments.reports._compare_to_control import compare_to_control
from experiments.reports._redraw import MEASURES, decode_all, of_many_styles
from robust_jax.files import write_json
from robust_jax.models.inference import Autoencoder
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
  """Measures the run in `path` and the control in `path/control`.

  Fresh probes, linear and not, are trained on frozen codes of training images
  and judged on codes of test images; reconstruction is compared with the
  control's; every test image is redrawn as every other class, and an
  independent classifier says what it sees; thickness and slant of strokes are
  correlated across a row. Writes `report.json`, `grid.png` and
  `interpolation.png` to `path`.

  Args:
    path: of a finished run.
    config: of that run; `evaluation` may be another's.
    num_examples: how many test images; all if None.

  Returns:
    The report.

  Raises:
    ValueError: a run is missing or has no checkpoint.
  """
  num_classes = build.dataset(config, "test").fact("num_classes")
  measure = functools.partial(_measure, num_classes)
  result, run, test = compare_to_control(path, config, num_examples, measure)
  result["chance"] = float(np.bincount(test.y).max() / len(test.y))
  write_json(path / "report.json", result)
  _draw(path, run, num_classes, test)
  print_table(_table(result))
  return result


def _measure(num_classes, subject, train, test, classify) -> dict[str, Any]:
  """Everything that is said of one autoencoder."""
  codes = {
    "features": subject.encode(train.x),
    "labels": train.y,
    "held_out_features": subject.encode(test.x),
    "held_out_labels": test.y,
  }
  vectors = np.eye(num_classes, dtype=np.float32)
  own = subject.decode(codes["held_out_features"], vectors[test.y])
  swaps = attribute_swap(
    lambda x, y: subject.decode(subject.encode(x), vectors[y]),
    test.x,
    test.y,
    num_classes,
    classify,
    MEASURES,
  )
  most = len(train.y)
  return {
    "linear_probe": linear_probe(**codes, most=most),
    "mlp_probe": mlp_probe(**codes, most=most),
    "reconstruction": float(np.square(own - test.x).mean()),
    "swap_accuracy": float(swaps.agreement.mean()),
    "swap_accuracy_by_class": swaps.agreement.tolist(),
  } | {f"{name}_kept": float(v.mean()) for name, v in swaps.style.items()}


def _draw(
  path: pathlib.Path, subject: Autoencoder, num_classes: int, test: Examples
) -> None:
  """An image of each class there is: redrawn as all, faded into the next."""
  chosen = of_many_styles(test.x, test.y)
  x, labels = test.x[chosen], test.y[chosen]
  eye = np.eye(num_classes, dtype=np.float32)
  as_all = decode_all(subject, x, np.tile(eye, (len(x), 1, 1)))
  as_all[np.arange(len(x)), labels] = x
  draw_attribute_swaps(
    path / "grid.png",
    as_all,
    [f"{label}" for label in labels],
    [f"{label}" for label in range(num_classes)],
    originals=list(enumerate(labels)),
    axes_labels=("the style of", "redrawn as"),
  )
  following = (labels + 1) % num_classes
  step = eye[following] - eye[labels]
  between = eye[labels][:, None] + _WEIGHTS[:, None] * step[:, None]
  faded = decode_all(subject, x, between)
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
    f"{100 * result['chance']:.1f} %; the classifier is "
    f"right on {100 * result['independent_classifier_accuracy']:.2f} %",
    box=rich.box.SIMPLE_HEAD,
  )
  table.add_column("")
  for name in ("run", "control"):
    table.add_column(name, justify="right")
  for key, text in _ROWS.items():
    shown = (f"{result[name][key]:.4f}" for name in ("run", "control"))
    table.add_row(text, *shown)
  table.add_row(
    "error, of the control's", *(f"{result['reconstruction_ratio']:.3f}", "")
  )
  return table
