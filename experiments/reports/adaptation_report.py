"""What came of an adaptation: table, report.json and pictures.

Who has no labels of the target must choose a checkpoint without them. The table
therefore holds, side by side, the test accuracy of the last step, of what two
validators without labels would have chosen, and of what labels would have
chosen: the last is an oracle, and says only what was there to be found.
"""

import pathlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build
from experiments.build.imports import named_modules
from experiments.cli.provenance import provenance
from experiments.evaluate import one_accuracy
from experiments.examples import spread_examples
from experiments.load_run import Run, load_run
from robust_jax import parallel
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.data.concatenate import concatenate
from robust_jax.files import write_json
from robust_jax.models.inference import DomainAdaptedModel
from robust_jax.plotting.domain_curves import Curve, draw_domain_curves
from robust_jax.plotting.feature_map import draw_feature_maps
from robust_jax.plotting.tables import print_table
from robust_jax.probes.a_distance import a_distance
from robust_jax.probes.reverse_validation import reverse_validation
from robust_jax.training.progress import Progress

_NUM_PROBED = 2000
_NUM_DRAWN = 500
RULES = {
  "last step": "step",
  "by information": "information",
  "by reverse validation": "reverse_validation",
  "oracle": "target_accuracy",
}
"""Rule -> the score of a checkpoint whose largest value it chooses."""
HEADINGS = {
  "last step": "last\nstep",
  "by information": "infor-\nmation",
  "by reverse validation": "reverse\nvalid.",
  "oracle": "oracle",
  "source_accuracy": "source",
  "a_distance": "A-dis-\ntance",
  "domain_loss": "domain\nloss",
}
"""Rule or key of a model's report -> the head of its column."""


def adaptation_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Judges the run in `path`, and its control where there is one.

  Writes `report.json`, `domain_curves.png` and `features.png` to `path`, prints
  the table, and returns the report.

  Args:
    path: a finished run, its control in `control`.
    config: whose data the models are judged on.
    num_examples: of each domain at most. None is 2,000 of the validation part
      for probes, and the whole test part for accuracies.

  Raises:
    ValueError: a run has no evaluated checkpoint, or one of another model.
  """
  started = time.monotonic()
  runs = _runs(path, named_modules(config))
  held_out = _held_out(config, num_examples or _NUM_PROBED)
  # Each checkpoint, the tests and the probe of each run, and a picture.
  total = sum(len(_evaluated(run)) + 2 for run in runs.values()) + 1
  with Progress("report", total) as bar:
    advance = iter(range(1, total + 1))
    on_done = lambda: bar.update(next(advance))
    tests = _Tests(config, num_examples)
    models = {
      title: _judge(run, held_out, tests, on_done)
      for title, run in runs.items()
    }
    if parallel.is_lead():
      _draw(path, runs, held_out, config)
    on_done()
  result = {
    "models": models,
    "num_probed": {name: len(e.y) for name, e in held_out.items()},
    "num_tested": tests.num_examples,
    "seconds": round(time.monotonic() - started, 1),
    **provenance(config),
  }
  if parallel.is_lead():
    write_json(path / "report.json", result)
    print_table(_table(models, tests.target.name))
    print(
      f"In {path}: report.json, domain_curves.png, features.png. The oracle's "
      "column uses labels of the target: it tells what nobody without them can "
      "know."
    )
  return result


def _runs(path, allow_imports) -> dict[str, Run]:
  """By title: the control first, if any, as it stands for "before"."""
  run = _at_its_end(path, allow_imports)
  if "control" not in run.config:
    return {_title(run): run}
  control = _at_its_end(path / "control", allow_imports)
  same = _title(control) == _title(run)
  title = f"{_title(control)} (control)" if same else _title(control)
  return {title: control, _title(run): run}


def _at_its_end(path, allow_imports) -> Run:
  run = load_run(path, "last", allow_imports)
  if not _evaluated(run):
    raise ValueError(
      f"{path} has no evaluated checkpoint: train it first, for "
      "training.evaluate_every_steps steps at least."
    )
  return run.at(max(_evaluated(run)))


def _evaluated(run) -> dict[int, dict[str, float]]:
  return {step: dict(m) for step, m in run.checkpoints.items() if m}


def _title(run):
  task = run.config.task
  return (run.config.alignment if task.name == "domain" else task).name


def _held_out(config, most):
  sources, target = build.domains(config, "validation")
  return {
    "source": spread_examples(sources, most),
    "target": spread_examples([target], most),
  }


class _Tests:
  """The test parts of both domains, met once per chosen checkpoint."""

  def __init__(self, config, most):
    sources, self.target = build.domains(config, "test")
    parts = {"source": concatenate(sources), "target": self.target}
    self._measures = {
      name: one_accuracy(
        source,
        config.evaluation.batch_size,
        None if most is None else min(most, len(source)),
      )
      for name, source in parts.items()
    }
    self.num_examples = {
      name: min(most or len(source), len(source))
      for name, source in parts.items()
    }

  def source_accuracy(self, network: DomainAdaptedModel) -> float:
    return self._measures["source"](network.source)

  def target_accuracy(self, network: DomainAdaptedModel) -> float:
    return self._measures["target"](network.target)


def _judge(run: Run, held_out, tests: _Tests, on_done) -> dict[str, Any]:
  """A row of the table, and the scores of every checkpoint."""
  scores = {}
  for step, metrics in _evaluated(run).items():
    way_back = _reverse_validation(run.at(step).deployed, held_out)
    scores[step] = {"step": step, "reverse_validation": way_back, **metrics}
    on_done()
  chosen = {
    rule: max(scores, key=lambda step: (scores[step][score], step))
    for rule, score in RULES.items()
  }
  last = run.at(chosen["last step"]).deployed
  result = {
    "source_accuracy": tests.source_accuracy(last),
    "target_accuracy": _of_chosen(run, chosen, tests),
    "chosen": chosen,
  }
  on_done()
  result |= {
    "a_distance": a_distance(*_features(last, held_out)),
    "domain_loss": _domain_loss(run.records),
    "checkpoints": list(scores.values()),
  }
  on_done()
  return result


def _of_chosen(run, chosen, tests):
  """Rule -> target test accuracy; a checkpoint chosen twice is tested once."""
  tested = {
    step: tests.target_accuracy(run.at(step).deployed)
    for step in set(chosen.values())
  }
  return {rule: tested[step] for rule, step in chosen.items()}


def _features(network: DomainAdaptedModel, held_out) -> list[np.ndarray]:
  """`[N, D]` of the source and `[M, D]` of the target."""
  parts = (network.source, network.target)
  found = (
    as_numpy_fn(part.features)(domain.x)
    for part, domain in zip(parts, held_out.values(), strict=True)
  )
  return [features.reshape(len(features), -1) for features in found]


def _reverse_validation(network: DomainAdaptedModel, held_out) -> float:
  source, target = _features(network, held_out)
  answers = as_numpy_fn(network.target.head)(target).argmax(axis=-1)
  return reverse_validation(target, answers, source, held_out["source"].y)


def _domain_loss(records):
  """Of the last window of training; None where no adversary was trained."""
  found = [r["domain_loss"] for r in records if "domain_loss" in r]
  return found[-1] if found else None


def _draw(path, runs, held_out, config):
  draw_domain_curves(
    path / "domain_curves.png",
    {title: run.records for title, run in runs.items()},
    [c for c in _curves(len(config.data.sources)) if _is_recorded(c, runs)],
  )
  networks = {title: run.deployed for title, run in runs.items()}
  if len(networks) == 1:
    (run,) = runs.values()
    networks = {"untrained": run.untrained().deployed} | networks
  labels = tuple(part.y for part in held_out.values())
  drawn = 2 * min(_NUM_DRAWN, *map(len, labels))
  names = zip(("before", "after"), networks.items(), strict=True)
  draw_feature_maps(
    path / "features.png",
    {f"{when}: {n}": tuple(_features(f, held_out)) for when, (n, f) in names},
    labels,
    max_examples=_NUM_DRAWN,
    # t-SNE wants fewer neighbors than a third of its points.
    perplexity=min(30.0, drawn / 4),
    seed=config.seed,
  )


def _curves(num_sources: int) -> list[Curve]:
  # Half of a batch is the target's; the sources share the other half.
  guess = np.log(2) + np.log(num_sources) / 2
  return [
    Curve("train", "loss", "class loss on the source"),
    Curve("train", "domain_loss", "loss of the domain classifier", guess),
    Curve("validation", "information", "information, without labels (nats)"),
    Curve(
      "validation",
      "target_accuracy",
      "target accuracy (oracle: uses its labels)",
      is_fraction=True,
    ),
  ]


def _is_recorded(curve, runs):
  records = [record for run in runs.values() for record in run.records]
  return any(r["split"] == curve.split and curve.metric in r for r in records)


def _table(models: Mapping[str, Any], target: str) -> rich.table.Table:
  table = rich.table.Table(
    title=f"% right on {target}, by who chose the checkpoint; on the source",
    box=rich.box.SIMPLE_HEAD,
  )
  table.add_column("model", no_wrap=True)
  for heading in HEADINGS.values():
    table.add_column(heading, justify="right", no_wrap=True)
  for title, model in models.items():
    accuracies = (
      f"{100 * model['target_accuracy'][rule]:.1f}" for rule in RULES
    )
    loss = model["domain_loss"]
    table.add_row(
      title,
      *accuracies,
      f"{100 * model['source_accuracy']:.1f}",
      f"{model['a_distance']:.2f}",
      "-" if loss is None else f"{loss:.3f}",
    )
  return table
