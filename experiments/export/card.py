"""The card of an exported model: what is known and what was measured of it."""

import pathlib
from typing import Any

import jax

from experiments.cli.provenance import command_line, machine
from experiments.load_run import Run
from robust_jax import fingerprint
from robust_jax.files import read_json
from robust_jax.types import Model, PyTree

_NORMS = {"linf": "Linf", "l2": "L2", "l1": "L1", "l0": "L0"}
_REMEDY = "Delete it, and evaluate the run again."


def card(run: Run, model: Model, x: PyTree) -> dict[str, Any]:
  """Describes a model with the fields of RobustBench's `model_info`, and more.

  Accuracies are read from the reports below the run's folder that are about
  this very model, by its digest. What no report has measured is absent:
  `clean_acc` is that of the report with the most images, `autoattack_acc` the
  worst case under the standard version of AutoAttack alone.

  Args:
    run: the run, at the checkpoint of the model.
    model: its deployed classifier.
    x: examples or their shapes.

  Returns:
    Values of JSON: "threat_model" and "eps" are those of the AutoAttack report,
    or of the config if there is none; accuracies are in percent, as text with
    two decimals; "evaluations" lists every report with its attacks, number of
    images and command.
  """
  config = run.config
  digest = fingerprint.of_model(model, x)
  evaluations = _evaluations(run.path, digest)
  size = sum(leaf.size for leaf in jax.tree.leaves(run.variables["params"]))
  found = {
    "name": run.path.resolve().name,
    "dataset": config.data.get("name"),
    "architecture": config.model.name if "model" in config else None,
    "model": config.model.to_dict() if "model" in config else None,
    "number_parameters": size,
    "additional_data": "extra" in config.data,
    "step": run.step,
    **_threat(config.evaluation.get("autoattack", {})),
    **_headline(evaluations),
    "evaluations": evaluations,
    "model_digest": digest,
    **command_line(),
    "versions": machine()["versions"],
  }
  return {name: value for name, value in found.items() if value is not None}


def _evaluations(folder: pathlib.Path, digest: str) -> list[dict[str, Any]]:
  """Returns what the reports of the model with this digest have measured."""
  found = []
  for path in sorted(folder.rglob("report.json")):
    report = read_json(path, _REMEDY)
    if measured := _measured(report, digest):
      measured["report"] = str(path.relative_to(folder))
      for name in ("num_examples", "matmul_precision", "command"):
        if name in report:
          measured[name] = report[name]
      found.append(measured)
  return found


def _measured(report: dict[str, Any], digest: str) -> dict[str, Any]:
  if report.get("model_digest") == digest:  # of evaluate --attack
    threat = report["config"]["evaluation"]["autoattack"]
    return {
      "attacks": report["attacks"],
      "version": threat["version"],
      **_threat(threat),
      "clean_acc": _percent(report["stages"][0]["accuracy"]),
      "robust_acc": _percent(report["worst_case_accuracy"]),
    }
  for name, one in report.get("model_digests", {}).items():  # of evaluate
    if one == digest:
      accuracies = dict(report["accuracy"][name])
      return {
        "clean_acc": _percent(accuracies.pop("clean")),
        "accuracy_under": {k: _percent(v) for k, v in accuracies.items()},
      }
  return {}


def _headline(evaluations: list[dict[str, Any]]) -> dict[str, Any]:
  """Returns clean accuracy and that under AutoAttack, if there are any."""
  ranked = sorted(evaluations, key=lambda one: one["num_examples"])
  found = {}
  if ranked:
    found = {
      "clean_acc": ranked[-1]["clean_acc"],
      "clean_num_examples": ranked[-1]["num_examples"],
    }
  audits = [one for one in ranked if _is_autoattack(one)]
  if audits:
    found |= {
      "threat_model": audits[-1]["threat_model"],
      "eps": audits[-1]["eps"],
      "autoattack_acc": audits[-1]["robust_acc"],
      "autoattack_num_examples": audits[-1]["num_examples"],
    }
  return found


def _is_autoattack(evaluation: dict[str, Any]) -> bool:
  return (
    evaluation.get("attacks") == ["autoattack"]
    and evaluation["version"] == "standard"
  )


def _threat(section) -> dict[str, Any]:
  if not section:
    return {}
  return {"threat_model": _NORMS[section["norm"]], "eps": section["eps"]}


def _percent(fraction: float) -> str:
  return f"{100 * fraction:.2f}"
