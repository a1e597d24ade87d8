"""Report of a Fader autoencoder of measured attributes."""

import functools
import pathlib
from typing import Any

import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

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
from robust_jax.probes.linear_probe import linear_probe
from robust_jax.probes.mlp_probe import mlp_probe

# Values of an attribute from absent (0) to present (1), and beyond both.
_LEVELS = np.round(np.arange(-0.5, 1.75, 0.25), 2)
_ROWS = {
  "linear_probe": "fresh linear probe of",
  "mlp_probe": "fresh nonlinear probe of",
  "chance": "chance of",
  "flipped": "flipped, according to its measure:",
  "moved": "change on flipping, in standard deviations, of",
  "digit_kept": "digit unchanged on flipping",
}


def fader_attributes_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Measures the run in `path` and its control in `path/control`.

  Like `fader_report`, for the attributes in `config.task.attributes`. Each
  attribute of each test image is flipped. The result is measured, and the
  independent classifier decides whether it shows the same digit.

  Autoencoders blur, which thickens strokes. Flipped images are therefore
  compared with reconstructions under the images' own attributes: a flipped
  image has the attribute if its measure is above the quantile of theirs that
  corresponds to the fraction of images without the attribute.

  Writes `report.json`, `grid.png` and `interpolation_<attribute>.png` to
  `path`, and prints a table.

  Args:
    path: work directory of a finished run.
    config: config of the run; its section `evaluation` may differ.
    num_examples: number of test images; None for all.

  Returns:
    The report.

  Raises:
    ValueError: a run is missing or has no checkpoint.
  """
  thresholds = config.task.attributes.to_dict()
  measure = functools.partial(_measure, thresholds)
  result, autoencoder, test = compare_to_control(
    path, config, num_examples, measure
  )
  write_json(path / "report.json", result)
  _draw(path, autoencoder, thresholds, test)
  print_table(_table(result))
  return result


def _measure(thresholds, autoencoder, train, test, classify) -> dict[str, Any]:
  """The report of one autoencoder."""
  codes = [autoencoder.encode(part.x) for part in (train, test)]
  has = [_attributes(thresholds, part.x) for part in (train, test)]
  reconstructed = autoencoder.decode(codes[1], has[1].astype(np.float32))
  digits = classify(test.x)
  attributes = {}
  for i, name in enumerate(thresholds):
    expected = np.copy(has[1])
    expected[:, i] = 1 - expected[:, i]
    flipped = autoencoder.decode(codes[1], expected.astype(np.float32))
    value, own = MEASURES[name](flipped), MEASURES[name](reconstructed)
    probe = (codes[0], has[0][:, i], codes[1], has[1][:, i])
    fraction = has[1][:, i].mean()
    limit = np.quantile(own, 1 - fraction)
    towards = np.where(expected[:, i] == 1, 1, -1)
    attributes[name] = {
      "linear_probe": linear_probe(*probe, max_examples=len(codes[0])),
      "mlp_probe": mlp_probe(*probe, max_examples=len(codes[0])),
      "chance": float(max(fraction, 1 - fraction)),
      "flipped": float(np.mean((value > limit) == expected[:, i])),
      "moved": float(np.mean(towards * (value - own)) / own.std()),
      "digit_kept": float(np.mean(classify(flipped) == digits)),
    }
  return {
    "attributes": attributes,
    "reconstruction": float(np.square(reconstructed - test.x).mean()),
  }


def _attributes(thresholds, x) -> np.ndarray:
  """Attributes `[N, A]`, 0 or 1, as the task measures them."""
  has = [MEASURES[name](x) > t for name, t in thresholds.items()]
  return np.stack(has, axis=1).astype(np.int32)


def _draw(
  path: pathlib.Path,
  autoencoder: HostAutoencoder,
  thresholds: dict[str, float],
  test: Examples,
) -> None:
  """Draws an image of each class under all combinations, and faded."""
  x = test.x[select_styles(test.x, test.y)]
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
    images = decode_all(autoencoder, x, vectors)
    draw_attribute_swaps(
      path / f"{file}.png",
      np.concatenate([x[:, None], images], axis=1),
      ["" for _ in x],
      ["", *labels],
      originals=[(row, 0) for row in range(len(x))],
    )


def _faded(own: np.ndarray) -> list[np.ndarray]:
  """For each attribute label vectors `[R, levels, A]`, in which it varies."""
  result = []
  for i in range(own.shape[1]):
    vectors = np.repeat(own[:, None], len(_LEVELS), axis=1)
    vectors[:, :, i] = _LEVELS
    result.append(vectors)
  return result


def _table(result: dict[str, Any]) -> rich.table.Table:
  table = rich.table.Table(
    title=f"{result['num_examples']} test images; error relative to the "
    f"control {result['reconstruction_ratio']:.3f}",
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
