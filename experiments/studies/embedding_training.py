"""Methods of training on embeddings side by side: accuracy and cost.

  python -m experiments.studies.embedding_training \\
      --config=experiments/configs/text/rte.py --seeds=0,1,2,3,4 \\
      --methods=standard,freelb,smart,r3f,noise

Trains a config of `experiments/configs/embedding_training.py` by every method
from every seed, one after another, each in `OUT/METHOD/SEED`, and measures the
checkpoint that was best on held-out data on the test set, which is the
development set of GLUE. Beside these accuracies stand the forward and backward
passes of a step per example, and the seconds of a step.

Runs that are measured are not repeated and interrupted ones continue, so the
same command with more methods or seeds adds to the table; a run whose loss
becomes infinite or undefined is named as diverged. The table is written to OUT
after every run: `embedding_training.md` and `embedding_training.json` with all
runs. Fields of the config are set as in training:
`--config.training.num_epochs=5`; with `--warm_start=WORKDIR` every run starts
from the model of another one, but for its last layer, and uses its tokenizer.
"""

import pathlib
import time
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments.build.imports import named_modules
from experiments.build.text_data import with_tokenizer
from experiments.build.with_overrides import overrides, with_overrides
from experiments.cli.output import writable
from experiments.cli.parse_flags import load_config, parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import INTERRUPTED, run_command
from experiments.cli.run_flags import define_several, define_study
from experiments.configs.embedding_training import fit_width
from experiments.evaluate import one_accuracy
from experiments.load_run import Run, load_run
from experiments.planning.described_step import passes_of_step
from experiments.table_over_seeds import (
  Column,
  runs_over_seeds,
  table_over_seeds,
)
from experiments.train_run import ENDED, train_run
from robust_jax.files import atomic_write, read_json, write_json

_METHODS = ("standard", "noise", "pgd", "free", "freelb", "smart", "r3f")
_COLUMNS = {
  "held_out": Column("held-out", ".2f", ".2f"),
  "test": Column("test", ".2f", ".2f"),
  "forward": Column("forward", ".0f", ".0f"),
  "backward": Column("backward", ".0f", ".0f"),
  "milliseconds": Column("ms per step", ".0f", ".0f"),
}

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
  """Trains and measures what is missing, and writes the table."""
  options = parse_options(_flags(arguments), arguments, __doc__)
  deadline = time.monotonic() + 60 * options.max_minutes
  file = config_flags.get_config_filename(options["config"])
  configs = {
    method: _config(options, file, method) for method in options.methods
  }
  name = pathlib.Path(file).stem
  out = pathlib.Path(options.out or f"runs/embedding_training_{name}")
  writable(out, "--out")
  rows: list[Row] = []
  runs = runs_over_seeds("method", configs, options.seeds, out)
  for row, config, path in runs:
    rows.append(row | _measured(config, path, deadline))
    _write(out, name, rows)
    if time.monotonic() < deadline and rows[-1]["status"] == "interrupted":
      return INTERRUPTED
  print((out / "embedding_training.md").read_text(encoding="utf-8"))
  print(f"In {out}: embedding_training.md and embedding_training.json.")
  return 0


def _measured(config: ConfigDict, path: pathlib.Path, deadline: float) -> Row:
  """Trains and measures a run, unless it is already; returns its results."""
  row = train_run(config, path, deadline)
  if row["status"] not in ENDED:
    return row
  file = path / "measured.json"
  if not file.exists():
    write_json(file, _measures(load_run(path, "best", named_modules(config))))
  return row | read_json(file, "Remove it.", list(_COLUMNS))


def _measures(run: Run) -> dict[str, float]:
  """The columns of a run at its best checkpoint."""
  steps = max(r["step"] for r in run.records if r["split"] == "train")
  accuracy = one_accuracy(run.dataset("test"), run.config.evaluation.batch_size)
  metric = run.config.training.monitor
  return {
    "held_out": 100 * run.checkpoints[run.step][metric],
    "test": 100 * accuracy(run.classifier()),
    "milliseconds": 1000 * run.seconds / steps,
    **passes_of_step(run.config),
  }


def _config(options, file: str, method: str) -> ConfigDict:
  """The config of a method, changed as the flags change the default."""
  default, config = load_config(file), load_config(f"{file}:{method}")
  config = with_overrides(config, overrides(default, options.config))
  if options.warm_start:
    path = pathlib.Path(options.warm_start)
    start = {"run": str(path), "fresh": ("dense",)}
    config = with_tokenizer(with_overrides(config, {"warm_start": start}), path)
  for name in ("loss", "task"):
    if name in config:
      fit_width(config[name], config.model.width)
  return config


def _write(out: pathlib.Path, name: str, rows: Sequence[Row]) -> None:
  result = {"config": name, "rows": list(rows)}
  write_json(out / "embedding_training.json", result | machine())
  lines = table_over_seeds(rows, "method", _COLUMNS)
  with atomic_write(out / "embedding_training.md") as new:
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _flags(arguments=None):
  values = flags.FlagValues()
  own = {"flag_values": values}
  define_study(
    values,
    arguments,
    "of training on embeddings.",
    "time for everything: then training is interrupted and the table is "
    "written; the same command continues.",
  )
  one = flags.ArgumentParser()
  define_several(values, "methods", _METHODS, one, "in this order.")
  flags.DEFINE_string(
    "warm_start", None, "work directory of the run to start from.", **own
  )
  flags.DEFINE_string(
    "out", None, "runs/embedding_training_CONFIG if absent.", **own
  )
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
