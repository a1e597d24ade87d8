"""The picture of one quantity of a sweep against another."""

import pathlib
from collections.abc import Sequence
from typing import Any

from experiments.sweeps.tables import Row
from robust_jax.plotting.error_bars import Point, draw_error_bars


def plot(
  rows: Sequence[Row], out: pathlib.Path, x: str, y: str
) -> pathlib.Path:
  """Draws one quantity of a sweep against another, with standard deviations.

  Combinations that differ in x alone are joined to a line.

  Args:
    rows: rows of `tables.collect`.
    out: folder of the picture, `Y_against_X.png`.
    x: a metric, "seconds" or, if it differs between combinations,
      "config.FIELD".
    y: a metric or "seconds".

  Returns:
    The path of the picture.

  Raises:
    ValueError: there is no such quantity, or nothing is known of it.
  """
  fields = [name for name in rows[0] if name.startswith("config.")]
  measured = [n for n in rows[0] if f"{n}_std" in rows[0]]
  for name, known in ((x, [*fields, *measured]), (y, measured)):
    if name not in known:
      raise ValueError(
        f"--plot={x},{y}: '{name}' is no quantity of this sweep: expected one "
        f"of {', '.join(known)}."
      )
  others = [name for name in fields if not _depends_on(name, x, rows)]
  lines: dict[str, list[Point]] = {}
  for row in rows:
    if row[x] is not None and row[y] is not None:
      label = ", ".join(f"{_last(name)}={row[name]}" for name in others)
      errors = row.get(f"{x}_std"), row[f"{y}_std"]
      point = Point(_coordinate(row[x]), row[y], *(e or 0.0 for e in errors))
      lines.setdefault(label, []).append(point)
  if not lines:
    raise ValueError(
      f"--plot={x},{y}: no run has ended that has both: train it first."
    )
  path = out / f"{_last(y)}_against_{_last(x)}.png"
  draw_error_bars(path, lines, x, y)
  return path


def _depends_on(field: str, x: str, rows: Sequence[Row]) -> bool:
  """Returns whether x is a field that decides which value this field has."""
  if not x.startswith("config."):
    return False
  pairs = {(repr(row[x]), repr(row[field])) for row in rows}
  return len(pairs) == len({repr(row[x]) for row in rows})


def _last(name: str) -> str:
  return name.removesuffix(".name").rpartition(".")[2]


def _coordinate(value: Any) -> float | str:
  is_number = isinstance(value, int | float) and not isinstance(value, bool)
  return value if is_number else str(value)
