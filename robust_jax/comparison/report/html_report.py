"""The report of a comparison as one self-contained HTML page."""

import math
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from robust_jax import lookup
from robust_jax.comparison.cases import Case
from robust_jax.comparison.extra_tests.base import EXTRA_TESTS
from robust_jax.comparison.load_examples import LoadedExamples
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.prediction_kinds.base import Predictions
from robust_jax.comparison.prediction_reports.base import Failure
from robust_jax.comparison.report.build_report import report_of
from robust_jax.comparison.report.compare_pairs import summarize_pairs
from robust_jax.statistics.outcomes import INVARIANCE_TESTS

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
_CLASSES_SHOWN = 30
# Chosen so that any two are far apart, also under color blindness, and contrast
# with white. Marks, as many, and dashes distinguish models without color.
COLORS = (
  "#0072B2",
  "#D55E00",
  "#1F1F1F",
  "#9000F0",
  "#A87860",
  "#781800",
  "#9090A8",
  "#600060",
)
# Coprime to the number of colors and marks, so that forty models differ.
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4")
_CONTENTS = "<!--contents-->"
_HEADING = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>')


def html_report(
  report: Mapping[str, Any],
  models: Mapping[str, ComparedModel],
  examples: LoadedExamples,
  cases: Sequence[Case],
  predictions: Mapping[str, Mapping[str, Predictions]],
  failures: Mapping[str, Sequence[Failure]],
) -> str:
  """Renders the page, which contains all that it shows, and no script.

  Args:
    report: report of `comparison_report`, with "name" in its data, "gate",
      "seconds", "devices", "matmul_precision", "versions" and the extra tests
      by name.
    models: models by name.
    examples: the examples.
    cases: the cases.
    predictions: model -> name of the case -> predictions.
    failures: model -> failures to show.
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
  # Texts of the data stay as they are, escaped; see `_unbroken`.
  environment.filters["exactly"] = jinja2.filters.escape
  environment.filters["words"] = lambda text: str(text).replace("_", " ")
  environment.filters["fractions"] = lambda value: f"{value:z.1f}"
  environment.filters["axis_end"] = axis_end
  environment.filters["summarize_pairs"] = summarize_pairs
  environment.filters["milliseconds"] = _milliseconds
  seed = report["seed"]
  page = environment.get_template("compare.html").render(
    report=report,
    models=list(report["models"]),
    style={
      name: {
        "index": i,
        "color": COLORS[i % len(COLORS)],
        "dash": _DASHES[i % len(_DASHES)],
      }
      for i, name in enumerate(report["models"])
    },
    extra_tests=[name for name in lookup.members(EXTRA_TESTS) if report[name]],
    labels=_labels(report["conditions"]),
    basic=INVARIANCE_TESTS,
    top=_top(report),
    classes=_classes(report),
    gallery=report_of(examples).render(
      failures, models, examples, cases, predictions, seed
    ),
  )
  return page.replace(_CONTENTS, _contents(page))


def axis_end(largest: float) -> float:
  """Returns the end of an axis in percent, just beyond the largest value."""
  step = next(s for s in (0.1, 1, 2, 5, 10) if largest <= 10 * s)
  return max(step, math.ceil(round(largest / step, 6)) * step)


def _contents(page) -> str:
  """Returns links to all parts of the page."""
  links = "".join(
    f'<li><a href="#{name}">{title}</a></li>'
    for name, title in _HEADING.findall(page)
  )
  return f'<nav class="contents" aria-label="Contents"><ul>{links}</ul></nav>'


def _milliseconds(value) -> str:
  return f"{value:.2g} ms" if value < 100 else f"{value:,.0f} ms"


def _unbroken(value):
  """Puts a non-breaking space between a number and its percent sign."""
  return value.replace(" %", "\u00a0%") if type(value) is str else value


def _labels(conditions):
  """Returns family -> transformation -> level -> label."""
  found: dict[str, dict[str, dict[float, str]]] = {}
  for c in conditions:
    of_family = found.setdefault(c["family"], {})
    of_family.setdefault(c["transformation"], {})[c["severity"]] = c["label"]
  return found


def _top(report) -> dict[str, Any]:
  """Returns the ends of the axes of risk in percent.

  They are those of `families`, and by family those of its `changes`.
  """
  families: list[float] = []
  changes: dict[str, list[float]] = {}
  for model in report["models"].values():
    for name, family in model["risk"]["families"].items():
      families += [point["risk"] for point in family["curve"]]
      changes.setdefault(name, []).extend(
        part["risk"]["value"]
        for transformation in family["transformations"].values()
        for part in transformation["severities"]
      )
  return {
    "families": axis_end(max(families)),
    "changes": {name: axis_end(max(of)) for name, of in changes.items()},
  }


def _classes(report):
  """Returns the rows of the table of classes, largest risk first."""
  slices = {name: m["classes"] for name, m in report["models"].items()}
  if None in slices.values():
    return {"rows": [], "left_out": 0}
  rows = [
    {
      "name": parts[0]["name"],
      "examples": parts[0]["examples"],
      "models": parts,
    }
    for parts in zip(*slices.values(), strict=True)
  ]
  risk = lambda part: -1 if part["risk"] is None else part["risk"]["value"]
  rows.sort(key=lambda row: -max(map(risk, row["models"])))
  left_out = max(0, len(rows) - _CLASSES_SHOWN)
  return {"rows": rows[:_CLASSES_SHOWN], "left_out": left_out}
