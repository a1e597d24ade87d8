"""A comparison of models as one page that needs nothing else."""

import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from robust_jax import lookup
from robust_jax.evaluation.answers import Read
from robust_jax.evaluation.catalogue import Case
from robust_jax.evaluation.entrant import Entrant
from robust_jax.evaluation.families.pixel_shift import LARGEST_FRACTION
from robust_jax.evaluation.gallery import Failure
from robust_jax.evaluation.held_images import HeldImages
from robust_jax.evaluation.section import SECTIONS
from robust_jax.evaluation.tiles import tiles
from robust_jax.statistics.outcomes import MINIMUM_FUNCTIONALITY

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_CLASSES_SHOWN = 30
# Okabe and Ito 2008: told apart by all kinds of colour vision. Marks and dashes
# say the same without colour.
_COLOURS = (
  "#0072B2",
  "#D55E00",
  "#007A5A",
  "#B0578D",
  "#8A6100",
  "#1F1F1F",
)
# One fewer than colours and marks, so that thirty models differ.
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4")


def html_report(
  report: Mapping[str, Any],
  entrants: Mapping[str, Entrant],
  images: HeldImages,
  cases: Sequence[Case],
  reads: Mapping[str, Mapping[str, Read]],
  failures: Mapping[str, Sequence[Failure]],
) -> str:
  """The page; it holds its style, charts and pictures, and no script.

  Args:
    report: of `comparison_report`, with "name" in its data, "gate", "seconds",
      "devices", "versions" and the sections by their names.
    entrants: the models, for the gallery.
    images: likewise.
    cases: likewise.
    reads: model -> name of the case -> its answers.
    failures: model -> what is shown of its failures.
  """
  import jinja2

  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    finalize=_unbroken,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters["words"] = lambda text: str(text).replace("_", " ")
  environment.filters["shares"] = lambda value: f"{value:z.1f}"
  seed = report["seed"]
  return environment.get_template("compare.html").render(
    report=report,
    models=list(report["models"]),
    style={
      name: {
        "index": i,
        "colour": _COLOURS[i % len(_COLOURS)],
        "dash": _DASHES[i % len(_DASHES)],
      }
      for i, name in enumerate(report["models"])
    },
    sections=[name for name in lookup.members(SECTIONS) if report[name]],
    labels=_labels(report["conditions"]),
    basic=MINIMUM_FUNCTIONALITY,
    top=_top(report),
    pixel=1 / min(min(s["shape"][:2]) for s in report["data"]["shapes"]),
    largest_pixel=LARGEST_FRACTION,
    classes=_classes(report),
    gallery={
      name: tiles(found, entrants[name], images, cases, reads, seed)
      for name, found in failures.items()
    },
  )


def _unbroken(value):
  """No line ends between a number and its percent sign."""
  return value.replace(" %", "\u00a0%") if type(value) is str else value


def _labels(conditions):
  """Family -> transformation -> level -> what it is, in words."""
  found: dict[str, dict[str, dict[float, str]]] = {}
  for c in conditions:
    of_family = found.setdefault(c["family"], {})
    of_family.setdefault(c["transformation"], {})[c["severity"]] = c["label"]
  return found


def _top(report) -> int:
  """Where the axes of risks end, in percent."""
  largest = max(
    part["risk"]["high"]
    for model in report["models"].values()
    for family in model["risk"]["families"].values()
    for transformation in family["transformations"].values()
    for part in transformation["severities"]
  )
  return max(10, math.ceil(largest / 10) * 10)


def _classes(report):
  """Rows of the table of classes, those at most risk first."""
  slices = {name: m["classes"] for name, m in report["models"].items()}
  if None in slices.values():
    return {"rows": [], "left_out": 0}
  rows = [
    {"name": parts[0]["name"], "images": parts[0]["images"], "models": parts}
    for parts in zip(*slices.values(), strict=True)
  ]
  risk = lambda part: -1 if part["risk"] is None else part["risk"]["value"]
  rows.sort(key=lambda row: -max(map(risk, row["models"])))
  left_out = max(0, len(rows) - _CLASSES_SHOWN)
  return {"rows": rows[:_CLASSES_SHOWN], "left_out": left_out}
