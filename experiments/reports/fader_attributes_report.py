"""What a Fader autoencoder of measured attributes forgot and can redraw."""

import functools
import pathlib
from typing import Any

import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments.examples import Examples
from experiments.reports._compare_to_control import compare_to_control
from experiments.reports._redraw import MEASURES, decode_all, of_many_styles
from robust_jax.files import write_json
from robust_jax.models.inference import Autoencoder
from robust_jax.plotting.attribute_swaps import draw_attribute_swaps
from robust_jax.plotting.tables import print_table
from robust_jax.probes.linear_probe import linear_probe
from robust_jax.probes.mlp_probe import mlp_probe

# An attribute from absent (0) to present (1), and beyond both.
_LEVELS = np.round(np.arange(-0.5, 1.75, 0.25), 2)
_ROWS = {
  "linear_probe": "fresh linear probe of",
  "mlp_probe": "fresh nonlinear probe of",
  "chance": "chance of",
  "flipped": "flipped and measured so",
  "moved": "moved by flipping, in deviations",
  "digit_kept": "digit kept on flipping",
}


def fader_attributes_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Measures the run in `path` and the control in `path/control`.

  As `fader_report`, for the attributes in `config.task.attributes`: what was
  asked for is measured on the redrawn image, and the independent classifier
  says whether it still shows the same digit. An autoencoder blurs, which
  thickens every stroke, so a redrawn image is compared with what the same
  autoencoder draws under the image's own attributes, and has an attribute if
  it measures more than as large a fraction of those as lack it. Writes
  `report.json`, `grid.png` and `interpolation_<attribute>.png` to `path`.

  Args:
    path: of a finished run.
    config: of that run; `evaluation` may be another's.
    num_examples: how many test images; all if None.

  Returns:
    The report.

  Raises:
    ValueError: a run is missing or has no checkpoint.
  """
  thresholds = config.task.attributes.to_dict()
  measure = functools.partial(_measure, thresholds)
  result, run, test = compare_to_control(path, config, num_examples, measure)
  write_json(path / "report.json", result)
  _draw(path, run, thresholds, test)
  print_table(_table(result))
  return result


def _measure(thresholds, subject, train, test, classify) -> dict[str, Any]:
  """Everything that is said of one autoencoder."""
  codes = [subject.encode(part.x) for part in (train, test)]
  has = [_attributes(thresholds, part.x) for part in (train, test)]
  drawn = subject.decode(codes[1], has[1].astype(np.float32))
  shown = classify(test.x)
  attributes = {}
  for i, name in enumerate(thresholds):
    expected = np.copy(has[1])
    expected[:, i] = 1 - expected[:, i]
    redrawn = subject.decode(codes[1], expected.astype(np.float32))
    value, own = MEASURES[name](redrawn), MEASURES[name](drawn)
    probe = (codes[0], has[0][:, i], codes[1], has[1][:, i])
    fraction = has[1][:, i].mean()
    limit = np.quantile(own, 1 - fraction)
    towards = np.where(expected[:, i] == 1, 1, -1)
    attributes[name] = {
      "linear_probe": linear_probe(*probe, most=len(codes[0])),
      "mlp_probe": mlp_probe(*probe, most=len(codes[0])),
      "chance": float(max(fraction, 1 - fraction)),
      "flipped": float(np.mean((value > limit) == expected[:, i])),
      "moved": float(np.mean(towards * (value - own)) / own.std()),
      "digit_kept": float(np.mean(classify(redrawn) == shown)),
    }
  return {
    "attributes": attributes,
    "reconstruction": float(np.square(drawn - test.x).mean()),
  }


def _attributes(thresholds, x) -> np.ndarray:
  """`[N, A]`, 0 or 1, as the task measured them."""
  has = [MEASURES[name](x) > t for name, t in thresholds.items()]
  return np.stack(has, axis=1).astype(np.int32)


def _draw(
  path: pathlib.Path,
  subject: Autoencoder,
  thresholds: dict[str, float],
  test: Examples,
) -> None:
  """An image of each class there is: under all combinations; faded."""
  x = test.x[of_many_styles(test.x, test.y)]
  names = list(thresholds)
  corners = np.array(list(np.ndindex(*[2] * len(names))), np.float32)
  columns = [
    "\n".join(n if has else "" for n, has in zip(names, corner, strict=True))
    for corner in corners
  ]
  own = _attributes(thresholds, x).astype(np.float32)
  for file, labels, vectors in (
    ("grid", columns, np.tile(corners, (len(x), 1, 1))),
    *(
      (f"interpolation_{name}", [f"{level:g}" for level in _LEVELS], faded)
      for name, faded in zip(names, _faded(own), strict=True)
    ),
  ):
    images = decode_all(subject, x, vectors)
    draw_attribute_swaps(
      path / f"{file}.png",
      np.concatenate([x[:, None], images], axis=1),
      ["" for _ in x],
      ["", *labels],
      originals=[(row, 0) for row in range(len(x))],
    )


def _faded(own: np.ndarray) -> list[np.ndarray]:
  """Of each attribute `[R, levels, A]`: it varies, the others stay."""
  result = []
  for i in range(own.shape[1]):
    vectors = np.repeat(own[:, None], len(_LEVELS), axis=1)
    vectors[:, :, i] = _LEVELS
    result.append(vectors)
  return result


def _table(result: dict[str, Any]) -> rich.table.Table:
  table = rich.table.Table(
    title=f"{result['num_examples']} test images; error "
    f"{result['reconstruction_ratio']:.3f} of the control's",
    box=rich.box.SIMPLE_HEAD,
  )
  table.add_column("")
  for name in ("run", "control"):
    table.add_column(name, justify="right")
  for attribute in result["run"]["attributes"]:
    for key, text in _ROWS.items():
      values = (
        result[name]["attributes"][attribute][key]
        for name in ("run", "control")
      )
      table.add_row(f"{text} {attribute}", *(f"{v:.4f}" for v in values))
  return table
