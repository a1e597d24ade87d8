"""Models under many transformations: which of them would you deploy?"""

import dataclasses
import datetime
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments import output
from experiments.ask_all import ask_all
from experiments.milliseconds import milliseconds
from experiments.provenance import machine
from robust_jax.adapters.dataset import Dataset
from robust_jax.evaluation import report
from robust_jax.evaluation.answers import Answers
from robust_jax.evaluation.ask_entrant import ModelFailed
from robust_jax.evaluation.catalogue import Catalogue, catalogue
from robust_jax.evaluation.comparison_report import Compared, comparison_report
from robust_jax.evaluation.comparison_table import comparison_table
from robust_jax.evaluation.entrant import CLEAN, Entrant
from robust_jax.evaluation.gallery import gallery
from robust_jax.evaluation.held_images import HeldImages, held_images
from robust_jax.evaluation.html_report import html_report
from robust_jax.evaluation.section import SECTIONS, Section, Setting
from robust_jax.lookup import find, members
from robust_jax.statistics.compare_risks import compare_risks
from robust_jax.statistics.gate import Gate, Thresholds, gate
from robust_jax.whole_file import whole_file

_LEVEL = 0.95


class Asked(NamedTuple):
  """What the gate is asked; no thresholds, no gate.

  Attributes:
    thresholds: of the model that is judged.
    candidate: the model that is judged; None is the first.
    baseline: the model that regressions are counted from; None is the second.
    strict: what is inconclusive fails.
  """

  thresholds: Thresholds | None = None
  candidate: str | None = None
  baseline: str | None = None
  strict: bool = False


def compare(
  entrants: Mapping[str, Entrant],
  dataset: Dataset,
  out: pathlib.Path,
  *,
  name: str = "data",
  num_examples: int | None = None,
  families: Sequence[str] | None = None,
  seed: int = 0,
  asked: Asked | None = None,
  sections: Sequence[Section] = (),
) -> dict[str, Any] | None:
  """Asks all models about all images in all cases, and reports.

  Writes `report.json` and `report.html` to `out`, prints a table, and returns
  the report. Answers are kept in `out/answers`, so that the same call goes on
  where it was interrupted.

  Args:
    entrants: the models, by name.
    dataset: what they are asked about.
    out: a folder, created if need be.
    name: of the data, for the reader.
    num_examples: how many are drawn at random; None is all.
    families: of transformations; None is all that apply.
    seed: of the draw, the transformations and the bootstrap.
    asked: what the gate is asked; None is nothing.
    sections: what is asked besides, each of a name of its own.

  Returns:
    The report; None if interrupted.

  A model that fails, or is right about no clean image, is left out and said to
  be: the others are compared without it.

  Raises:
    ValueError: bad input, no model that can be asked, or a folder that cannot
      be written.
  """
  started = time.monotonic()
  asked = asked or Asked()
  candidate, baseline = _sides(list(entrants), asked)
  images = held_images(dataset, num_examples, seed)
  cases = catalogue(images.shapes, families)
  _check_gradients(entrants, images, cases)
  _check_thresholds(asked.thresholds, cases, baseline)
  found, left_out = dict(entrants), {}
  while True:
    setting = Setting(
      out,
      {
        key: Answers(out, entrant, images, seed, cases.version)
        for key, entrant in found.items()
      },
      images,
      baseline if baseline in found else next(iter(found)),
      num_examples,
      seed,
      _LEVEL,
    )
    asking = {one.name: one.start(setting) for one in sections}
    try:
      finished = _ask(setting, cases, asking)
      break
    except ModelFailed as error:
      _leave_out(error, found, left_out)
  if not finished:
    print(
      f"interrupted: what was answered is in {out / 'answers'}; give the same "
      "command again to go on."
    )
    return None
  reads = {
    key: {name: one.read(name) for name in _names(cases)}
    for key, one in setting.kept.items()
  }
  compared = comparison_report(
    found,
    reads,
    images,
    cases,
    baseline=setting.baseline,
    milliseconds=milliseconds(out, setting.kept),
    seed=seed,
    level=_LEVEL,
  )
  judged = _gate(compared, asked, candidate, baseline, seed)
  failures = {
    key: gallery(outcomes, reads[key], cases.cases)
    for key, outcomes in compared.outcomes.items()
  }
  result = compared.report | {
    **{name: find(SECTIONS, name).nothing for name in members(SECTIONS)},
    **{name: one.report() for name, one in asking.items()},
    "data": {"name": name} | compared.report["data"],
    "gate": judged,
    "models_left_out": left_out,
    "gallery": {
      key: [
        {"id": images.ids[f.row], "case": cases.cases[f.case].name}
        for f in found
      ]
      for key, found in failures.items()
    },
    "date": datetime.date.today().isoformat(),
    "seconds": round(time.monotonic() - started, 1),
    **machine(),
  }
  report.write_json(out / "report.json", result)
  page = html_report(result, found, images, cases.cases, reads, failures)
  with whole_file(out / "report.html") as new:
    new.write_text(page, encoding="utf-8")
  _say(result, sections, out)
  return result


def _ask(setting: Setting, cases, asking) -> bool:
  out, kept = setting.out, list(setting.kept.values())
  try:
    with output.locked(out, "--out"):
      return ask_all(kept, setting.images, cases, asking, setting.seed)
  except OSError as error:
    raise ValueError(
      f"{out} cannot be written ({error.strerror}): give another --out."
    ) from error


def _leave_out(error: ModelFailed, found, left_out):
  """Goes on without a model, as long as there is another one."""
  left_out[error.name] = str(error)
  del found[error.name]
  if not found:
    raise ValueError("; ".join(left_out.values())) from error
  print(f"going on without '{error.name}': {error}")


def _names(cases: Catalogue) -> list[str]:
  return [CLEAN, *(case.name for case in cases.cases)]


def _sides(names, asked: Asked) -> tuple[str, str | None]:
  """The model that is judged, and the baseline if there is another model."""
  for role in ("candidate", "baseline"):
    name = getattr(asked, role)
    if name is not None and name not in names:
      raise ValueError(
        f"{role} = '{name}': wanted the name of a model, one of "
        f"{', '.join(names)}."
      )
  candidate = asked.candidate or names[0]
  others = [name for name in names if name != candidate]
  baseline = asked.baseline or (others[0] if others else None)
  if baseline == candidate:
    raise ValueError(
      f"'{candidate}' is candidate and baseline: wanted two models."
    )
  return candidate, baseline


def _check_gradients(entrants, images: HeldImages, cases: Catalogue):
  of_model = {
    c.condition.family for c in cases.cases if c.transformation.of_model
  }
  for family in of_model:
    for name, entrant in entrants.items():
      if entrant.logits_fn is None:
        raise ValueError(
          f"family '{family}' needs gradients of every model, and '{name}' is "
          f"a {entrant.kind}: wanted runs alone, or another --families."
        )
    if images.labels is None:
      raise ValueError(f"family '{family}' needs images with labels.")


def _check_thresholds(thresholds, cases: Catalogue, baseline):
  """Before hours are spent, what `gate` would refuse after them."""
  if thresholds is None:
    return
  known = list(cases.about)[1:]
  for family in thresholds.max_risk:
    if family not in known:
      raise ValueError(
        f"max_risk: there is no family '{family}': wanted one of "
        f"{', '.join(known)}."
      )
  if thresholds.max_regression is not None and baseline is None:
    raise ValueError(
      "max_regression needs a second model, the one that regressions are "
      "counted from."
    )


def _gate(compared: Compared, asked: Asked, candidate, baseline, seed):
  """None without thresholds, or where a model that it needs was left out."""
  if asked.thresholds is None or candidate not in compared.risks:
    return None
  regression = None
  if baseline in compared.risks:
    pair = candidate, baseline
    regression = compare_risks(
      *(compared.outcomes[name] for name in pair), pair, seed=seed
    )
  elif asked.thresholds.max_regression is not None:
    return None
  judged: Gate = gate(
    compared.risks[candidate],
    asked.thresholds,
    regression,
    strict=asked.strict,
  )
  sides = {"candidate": candidate, "baseline": baseline}
  return sides | dataclasses.asdict(judged)


def _say(result, sections, out):
  data = result["data"]
  for what, of_kind in (
    ("images left out", data["problem_counts"]),
    ("other files left out", data["left_out_counts"]),
    ("images changed on reading", data["change_counts"]),
  ):
    if of_kind:
      told = ", ".join(f"{kind} ({n:,})" for kind, n in of_kind.items())
      print(f"{what}: {told}; report.json names them.")
  for name, model in result["models"].items():
    print(f"{name} answers {model['answers_meaning']}.")
    for warning in model["warnings"]:
      print(f"  But: {warning}")
  report.print_table(comparison_table(result))
  for section in sections:
    report.print_table(section.table(result[section.name]))
  advice = result["recommendation"]
  print(advice["headline"])
  for sentence in advice["cautions"]:
    print(f"  But: {sentence}")
  for name in result["models_left_out"]:
    print(f"  But: {name} is left out, for the reason above.")
  judged = result["gate"]
  if judged is not None:
    print(f"\nGate for {judged['candidate']}: {judged['outcome']}.")
    for check in judged["checks"]:
      print(f"  {check['outcome']}: {check['reason']}")
  print(f"\nIn {out}: report.html, report.json.")
