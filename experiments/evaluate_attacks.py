"""Evaluation of one model under a sequence of attacks, with masking checks."""

import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments import build
from experiments.build import sections
from experiments.build.check_config import check_config
from experiments.cli import output
from experiments.cli.provenance import provenance
from experiments.evaluate import measure_curves
from experiments.examples import loaded_examples
from robust_jax import fingerprint, lookup, precision
from robust_jax.attacks.autoattack import suite
from robust_jax.attacks.autoattack.autoattack import stages
from robust_jax.attacks.autoattack.stage import Check, Stage
from robust_jax.attacks.autoattack.suite import SuiteResult
from robust_jax.attacks.lp_ball import ball, in_ball
from robust_jax.attacks.standalone import check_call
from robust_jax.data.loader import evaluation_loader
from robust_jax.files import atomic_write, write_json
from robust_jax.gradient_masking.audit import masking_checks
from robust_jax.perturbations import box
from robust_jax.plotting.evaluation import draw_curve
from robust_jax.plotting.tables import print_table
from robust_jax.training.progress import StageProgress
from robust_jax.types import Model

_NUM_CHECKED = 200  # images that the gradient-masking checks look at


@precision.evaluation()
def evaluate_attacks(
  model: Model,
  config: ConfigDict,
  attacks: Sequence[str],
  path: pathlib.Path,
  num_examples: int | None = None,
  save_images: bool = False,
) -> dict[str, Any]:
  """Runs attacks in sequence, each on images that withstood the previous ones.

  Writes `report.json` and `robust_accuracy.png` to `path`, and with
  `save_images` also `adversarial.npz` with x, x_adv, labels and
  misclassified_by. An interrupted evaluation resumes from its state in
  `attack_state.npz`.

  Args:
    model: a frozen classifier.
    config: config of the data, the seed and, in its section `evaluation`, the
      attacks.
    attacks: names of `config.evaluation.attacks`; "autoattack", with the norm,
      eps and version of `config.evaluation.autoattack`; or the user's own
      attacks, "package.module:function", with default options.
    path: folder of the report, created if missing.
    num_examples: number of test images, from the first on; None for all.
    save_images: whether to save the adversarial images.

  Returns:
    The report.

  Raises:
    ValueError: the config has no such attack.
  """
  check_config(config)
  with output.locked(path, "--workdir"):
    return _evaluate(model, config, attacks, path, num_examples, save_images)


def attack_images(
  model: Model,
  config: ConfigDict,
  attacks: Sequence[str],
  x: np.ndarray,
  labels: np.ndarray,
  save_to: pathlib.Path,
) -> SuiteResult:
  """Runs attacks on images in sequence.

  Args:
    model: a frozen classifier.
    config: see `evaluate_attacks`.
    attacks: names of the attacks, see `evaluate_attacks`.
    x: images `[N, H, W, C]` in [0, 1].
    labels: their classes `[N]`.
    save_to: `.npz` file of the state, from which an interrupted call resumes.

  Raises:
    ValueError: the config has no such attack.
  """
  num_classes = check_call(model, x, labels).shape[1]
  check: Check = suite.accept_any
  if list(attacks) == ["autoattack"]:
    check = in_ball(_threat(config).norm, _threat(config).eps)
  with StageProgress() as bars:
    return suite.run(
      _stages(config, attacks, num_classes),
      _keys(config)[0],
      model,
      x,
      labels,
      check=check,
      save_to=save_to,
      progress=bars.update,
    )


def _keys(config):
  """The keys of the attacks and of the masking checks."""
  return jax.random.split(jax.random.key(config.seed))


def _evaluate(model, config, attacks, path, num_examples, save_images):
  threat, key_checks = _threat(config), _keys(config)[1]
  loader = evaluation_loader(
    build.dataset(config, "test"),
    config.evaluation.batch_size,
    num_examples=num_examples,
  )
  x, labels = loaded_examples(loader)
  outcome = attack_images(
    model, config, attacks, x, labels, path / "attack_state.npz"
  )
  findings = masking_checks(
    key_checks,
    model,
    x[:_NUM_CHECKED],
    labels[:_NUM_CHECKED],
    lambda eps: ball(threat.norm, eps),
    _radii(threat, x),
    searches=_searches(config.evaluation.attacks, attacks),
  )
  curves = measure_curves(
    {path.name: model}, config.evaluation, loader, key_checks
  )
  result = {
    "num_examples": len(x),
    "attacks": list(attacks),
    "model_digest": fingerprint.of_model(model, x),
    "stages": outcome.stages,
    "worst_case_accuracy": outcome.stages[-1]["accuracy"],
    "misclassified_by": outcome.misclassified_by.tolist(),
    "findings": [finding._asdict() for finding in findings],
    "radii": list(config.evaluation.radii),
    "curve": curves,
    "computed_in": precision.computed_in(model, x[:1]),
    **provenance(config),
  }
  write_json(path / "report.json", result)
  if config.evaluation.radii:
    draw_curve(
      path / "robust_accuracy.png",
      config.evaluation.radii,
      curves,
      config.evaluation.curve.set.eps,
      f"accuracy under {config.evaluation.curve.search.name.upper()}",
    )
  if save_images:
    _save_images(path / "adversarial.npz", x, labels, outcome)
  title = f"{config.data.name}, {len(x)} images, matmul precision "
  print_table(_stage_table(outcome, title + result["matmul_precision"]))
  print_table(_finding_table(findings))
  return result


def _threat(config: ConfigDict) -> ConfigDict:
  if "autoattack" not in config.evaluation:
    raise ValueError(
      "the run's config has no section evaluation.autoattack (norm, eps, "
      "version): give a config that has one by --config."
    )
  return config.evaluation.autoattack


def _stages(config, attacks, num_classes) -> list[Stage]:
  if not attacks:
    raise ValueError(
      "there is no attack: expected autoattack or one of the config's."
    )
  found = []
  known = config.evaluation.attacks
  for name in attacks:
    if name == "autoattack":
      threat = _threat(config)
      found += stages(threat.norm, threat.eps, threat.version, num_classes)
    elif name in known or lookup.imported_module(name):
      section = known.get(name, {"name": name})
      found.append(suite.single_round_stage(name, sections.attack(section)))
    else:
      raise ValueError(
        f"there is no attack '{name}': expected autoattack, one of the "
        f"config's, {', '.join(known)}, a member of `search` or `attacks`, or "
        "package.module:function."
      )
  return found


def _searches(known, attacks) -> dict[str, dict[str, Any]]:
  """The searches of those attacks that have one."""
  return {
    name: dict(known[name].search)
    for name in attacks
    if name in known and "search" in known[name]
  }


def _radii(threat, x) -> list[float]:
  """Radii around eps, and one at which every image is within reach."""
  return [threat.eps / 2, threat.eps, box.width(x[0].size, threat.norm)]


def _save_images(path, x, labels, outcome: SuiteResult) -> None:
  with atomic_write(path) as new:
    np.savez_compressed(
      new,
      x=x,
      x_adv=outcome.x_adv,
      labels=labels,
      misclassified_by=outcome.misclassified_by,
    )


def _stage_table(outcome: SuiteResult, title: str) -> rich.table.Table:
  table = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD)
  for name in ("after", "accuracy", "attacked", "forward", "backward", "time"):
    table.add_column(name, justify="left" if name == "after" else "right")
  for stage in outcome.stages:
    table.add_row(
      stage["name"],
      f"{stage['accuracy']:.2%}",
      f"{stage['attacked']:,}",
      f"{stage['forward']:,}",
      f"{stage['backward']:,}",
      f"{stage['seconds']:.1f} s",
    )
  return table


def _finding_table(findings) -> rich.table.Table:
  table = rich.table.Table(
    title="can gradients be trusted here?", box=rich.box.SIMPLE_HEAD
  )
  for name in ("check", "verdict", "what was seen"):
    table.add_column(name)
  for finding in findings:
    table.add_row(finding.name, finding.verdict, finding.sentence)
  return table
