"""Report of a domain adaptation: table, report.json and pictures.

Without target labels, checkpoints have to be selected without them too. The
table shows the test accuracies of the last step, of the checkpoints selected by
two label-free validators, and of the best checkpoint. The latter is an oracle:
it is selected by target labels, and is an upper bound of the others.
"""

import pathlib
import time
from collections.abc import Callable, Mapping
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
"""Rule of selection -> the score of a checkpoint that it maximizes."""
HEADINGS = {
  "last step": "last\nstep",
  "by information": "infor-\nmation",
  "by reverse validation": "reverse\nvalid.",
  "oracle": "oracle",
  "source_accuracy": "source",
  "a_distance": "A-dis-\ntance",
  "domain_loss": "domain\nloss",
}
"""Rule, or key of a model's report -> heading of its column."""


def adaptation_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Evaluates the run in `path`, and its control if there is one.

  Writes `report.json`, `domain_curves.png` and `features.png` to `path`, and
  prints a table.

  Args:
    path: work directory of a finished run, with its control in `control`.
    config: config of the data that the models are evaluated on.
    num_examples: maximum number of examples of each domain. None stands for
      2,000 of the validation split for probes, and for the whole test split for
      accuracies.

  Returns:
    The report.

  Raises:
    ValueError: a run has no evaluated checkpoint, or one of another model.
  """
  started = time.monotonic()
  runs = _runs(path, named_modules(config))
  held_out = _held_out(config, num_examples or _NUM_PROBED)
  # All checkpoints, the tests and the probe of each run, and the pictures.
  total = sum(len(_evaluated(run)) + 2 for run in runs.values()) + 1
  with Progress("report", total) as bar:
    advance = iter(range(1, total + 1))
    on_done = lambda: bar.update(next(advance))
    tests = _Tests(config, num_examples)
    models = {
      title: _evaluate_run(run, held_out, tests, on_done)
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
      f"In {path}: report.json, domain_curves.png, features.png. The oracle "
      "column uses target labels, which a user of adaptation does not have."
    )
  return result


def _runs(path, allow_imports) -> dict[str, Run]:
  """Runs by title: the control, if any, first, as it stands for "before"."""
  run = _last_evaluated(path, allow_imports)
  if "control" not in run.config:
    return {_title(run): run}
  control = _last_evaluated(path / "control", allow_imports)
  same = _title(control) == _title(run)
  title = f"{_title(control)} (control)" if same else _title(control)
  return {title: control, _title(run): run}


def _last_evaluated(path, allow_imports) -> Run:
  run = load_run(path, "last", allow_imports)
  if not _evaluated(run):
    raise ValueError(
      f"{path} has no evaluated checkpoint: train it first, for at least "
      "training.evaluate_every_steps steps."
    )
  return run.at(max(_evaluated(run)))


def _evaluated(run) -> dict[int, dict[str, float]]:
  return {step: dict(m) for step, m in run.checkpoints.items() if m}


def _title(run):
  task = run.config.task
  return (run.config.alignment if task.name == "domain" else task).name


def _held_out(config, num_examples):
  sources, target = build.domains(config, "validation")
  return {
    "source": spread_examples(sources, num_examples),
    "target": spread_examples([target], num_examples),
  }


class _Tests:
  """Accuracies on the test splits of both domains."""

  def __init__(self, config, num_examples):
    sources, self.target = build.domains(config, "test")
    datasets = {"source": concatenate(sources), "target": self.target}
    self.num_examples = {
      name: min(num_examples or len(dataset), len(dataset))
      for name, dataset in datasets.items()
    }
    batch_size = config.evaluation.batch_size
    self._measures = {
      name: one_accuracy(dataset, batch_size, self.num_examples[name])
      for name, dataset in datasets.items()
    }

  def source_accuracy(self, network: DomainAdaptedModel) -> float:
    return self._measures["source"](network.source)

  def target_accuracy(self, network: DomainAdaptedModel) -> float:
    return self._measures["target"](network.target)


def _evaluate_run(
  run: Run, held_out, tests: _Tests, on_done: Callable[[], None]
) -> dict[str, Any]:
  """The report of one run: a row of the table, and all checkpoints' scores."""
  scores = {}
  for step, metrics in _evaluated(run).items():
    reverse = _reverse_validation(run.at(step).deployed, held_out)
    scores[step] = {"step": step, "reverse_validation": reverse, **metrics}
    on_done()
  chosen = {
    rule: max(scores, key=lambda step: (scores[step][score], step))
    for rule, score in RULES.items()
  }
  last = run.at(chosen["last step"]).deployed
  result = {
    "source_accuracy": tests.source_accuracy(last),
    "target_accuracy": _target_accuracies(run, chosen, tests),
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


def _target_accuracies(run, chosen, tests) -> dict[str, float]:
  """Rule -> target test accuracy; each chosen checkpoint is tested once."""
  tested = {
    step: tests.target_accuracy(run.at(step).deployed)
    for step in set(chosen.values())
  }
  return {rule: tested[step] for rule, step in chosen.items()}


def _features(network: DomainAdaptedModel, held_out) -> list[np.ndarray]:
  """Features `[N, D]` of the source and `[M, D]` of the target."""
  parts = (network.source, network.target)
  found = (
    as_numpy_fn(part.features)(domain.x)
    for part, domain in zip(parts, held_out.values(), strict=True)
  )
  return [features.reshape(len(features), -1) for features in found]


def _reverse_validation(network: DomainAdaptedModel, held_out) -> float:
  source, target = _features(network, held_out)
  predictions = as_numpy_fn(network.target.head)(target).argmax(axis=-1)
  return reverse_validation(target, predictions, source, held_out["source"].y)


def _domain_loss(records):
  """The last record of the domain loss; None without an adversary."""
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
    # t-SNE needs fewer neighbors than a third of its points.
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
    title=f"accuracy (%) on {target} by rule of selection; on the source",
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
