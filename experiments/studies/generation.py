"""GANs side by side: variants of one config, judged by one classifier.

  python -m experiments.studies.generation \\
      --config=experiments/configs/gan/mnist_losses.py \\
      --variants=non_saturating,wasserstein,relativistic
  python -m experiments.studies.generation \\
      --config=experiments/configs/gan/stacked_mnist.py \\
      --variants=dcgan,wgan_gp,r3gan
  python -m experiments.studies.generation \\
      --config=experiments/configs/gan/gaussian_grid.py \\
      --variants=alternating,extragradient,optimistic --seeds=0,1,2

A variant is an argument of the config. Each is trained from each seed, in
`OUT/VARIANT/SEED`, and its best checkpoint is judged by the config's report.
The independent classifier, if the config has one, is trained once, in
`OUT/independent_classifier`.

Runs that are finished and judged are not repeated and interrupted ones
continue, so the same command with more variants or seeds adds to the table; a
run whose loss becomes infinite or undefined is named as diverged. The table is
written to OUT after every run: `generation.md` and `generation.json`. Fields
of the config are set as in training: `--config.training.num_steps=5000`.
"""

import math
import pathlib
import time
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments.build.with_overrides import overrides, with_overrides
from experiments.cli.output import writable
from experiments.cli.parse_flags import load_config, parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import INTERRUPTED, run_command
from experiments.cli.run_flags import define_several, define_study
from experiments.load_run import load_run
from experiments.table_over_seeds import (
  Column,
  cell,
  runs_over_seeds,
  table_over_seeds,
)
from experiments.train import train
from experiments.train_run import train_run
from robust_jax.files import atomic_write, read_json, write_json

_CLASSIFIER = "independent_classifier"
# Statistics of a report, and the time of training.
_COLUMNS = {
  name: Column(heading, ".4g", ".2g")
  for name, heading in {
    "frechet_distance": "Frechet distance",
    "kernel_distance": "kernel distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "num_covered": "classes",
    "in_a_mode": "in a mode",
    "kl": "KL of classes",
    "seconds": "seconds",
  }.items()
}


def main(arguments: Sequence[str] | None = None) -> int:
  """Trains and judges what is missing, and writes the table."""
  options = parse_options(_flags(arguments), arguments, __doc__)
  deadline = time.monotonic() + 60 * options.max_minutes
  file = config_flags.get_config_filename(options["config"])
  changes = overrides(load_config(file), options.config)
  configs = {
    variant: with_overrides(load_config(f"{file}:{variant}"), changes)
    for variant in options.variants
  }
  name = pathlib.Path(file).stem
  out = pathlib.Path(options.out or f"runs/generation_{name}")
  writable(out, "--out")
  rows: list[dict[str, Any]] = []
  for config in configs.values():
    if not _use_one_classifier(config, out / _CLASSIFIER, deadline):
      return INTERRUPTED
  runs = runs_over_seeds("variant", configs, options.seeds, out)
  for row, config, path in runs:
    rows.append(row | _judged(config, path, deadline))
    _write(out, name, rows)
    if time.monotonic() < deadline and rows[-1]["status"] == "interrupted":
      return INTERRUPTED
  print((out / "generation.md").read_text(encoding="utf-8"))
  print(f"In {out}: generation.md and generation.json.")
  return 0


def _use_one_classifier(
  config: ConfigDict, path: pathlib.Path, deadline: float
) -> bool:
  """Trains the classifier unless it is; returns False if interrupted."""
  if _CLASSIFIER not in config or config.evaluation.get(_CLASSIFIER):
    return True
  result = train(config[_CLASSIFIER], path, "classifier", deadline)
  config.evaluation[_CLASSIFIER] = str(path)
  return result.status != "interrupted"


def _judged(
  config: ConfigDict, path: pathlib.Path, deadline: float
) -> dict[str, Any]:
  """Trains and judges a run, unless it is already; returns its row."""
  file = path / "report.json"
  if not file.exists():
    row = train_run(config, path, deadline)
    if row["status"] != "finished":
      return row
  report = read_json(file, "Remove it.", ("generated", "floor", "step"))
  run = load_run(path)
  return {
    "status": "finished",
    "step": report["step"],
    "seconds": round(run.seconds),
    "generated": report["generated"],
    "floor": report["floor"],
  }


def _write(
  out: pathlib.Path, name: str, rows: Sequence[dict[str, Any]]
) -> None:
  result = {"config": name, "rows": list(rows)}
  write_json(out / "generation.json", result | machine())
  flat = [
    {
      **{name: row[name] for name in ("variant", "seed", "status")},
      **_numbers(row.get("generated", {})),
      "seconds": row.get("seconds"),
    }
    for row in rows
  ]
  lines = table_over_seeds(flat, "variant", _COLUMNS)
  floors = [row["floor"] for row in rows if "floor" in row]
  if floors:
    known = _numbers(floors[0])
    cells = [
      cell([known[name]] if name in known else [], column)
      for name, column in _COLUMNS.items()
    ]
    lines.append(f"| training examples | | {' | '.join(cells)} |")
  with atomic_write(out / "generation.md") as new:
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _numbers(statistics: dict[str, Any]) -> dict[str, float]:
  """The statistics of a report that are known, without their intervals."""
  values = {
    name: found["value"] if isinstance(found, dict) else found
    for name, found in statistics.items()
  }
  return {n: value for n, value in values.items() if not math.isnan(value)}


def _flags(arguments=None):
  values = flags.FlagValues()
  define_study(
    values,
    arguments,
    "of a GAN with a report.",
    "time for everything: then training is interrupted; the same command "
    "continues.",
  )
  one = flags.ArgumentParser()
  define_several(values, "variants", [], one, "arguments of the config.")
  flags.DEFINE_string(
    "out", None, "runs/generation_CONFIG if absent.", flag_values=values
  )
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
