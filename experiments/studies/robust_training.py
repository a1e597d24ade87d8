"""Methods of robust training side by side: accuracy, robustness and cost.

  python -m experiments.studies.robust_training \\
      --config=experiments/configs/robust/mnist.py --methods=standard,pgd_at

Trains a config of `experiments/configs/robust` by every method and from every
seed, one after another, each in `OUT/METHOD/SEED`, and measures the checkpoint
that was best on held-out data: its accuracy on the clean test set and, on the
first test images, under PGD, AutoAttack and the worst of ten rotations, and its
risk under common corruptions (experiments/measured_robustness.py). Beside these
stand the held-out accuracies at the best and at the last checkpoint, which
differ where training overfits, the seconds that the steps took, and the forward
and backward passes of a step per example.

Runs and measurements that exist are not repeated and interrupted ones continue;
a run whose loss becomes infinite or undefined is named as diverged. So the same
command with more methods or seeds adds to the table. It is written to OUT after
every measurement: `robust_training.md`, `.json` and `.csv` with a line per run,
and `trade_off.png`, clean against robust accuracy. Fields of the config are set
as in training: `--config.training.num_epochs=5`. Those that one method alone
has need it after the colon:

  python -m experiments.studies.robust_training \\
      --config=experiments/configs/robust/mnist.py:ensemble_at \\
      --methods=ensemble_at --config.surrogates.runs="('runs/a', 'runs/b')"
"""

import functools
import math
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments.build.imports import named_modules
from experiments.build.with_overrides import overrides, with_overrides
from experiments.cli.output import writable
from experiments.cli.parse_flags import load_config, parse_options
from experiments.cli.run_command import INTERRUPTED, run_command
from experiments.cli.run_flags import define_several, define_study
from experiments.examples import first_examples
from experiments.load_run import Run, load_run
from experiments.measured_robustness import clean_accuracy, measures
from experiments.planning.described_step import passes_of_step
from experiments.table_over_seeds import runs_over_seeds
from experiments.train_run import ENDED, train_run
from experiments.training_table import Row, write_tables
from robust_jax import precision
from robust_jax.files import read_json, write_json

_MEASURES = ("pgd", "autoattack", "rotation", "corruption")
_METHODS = ("standard", "pgd_at", "rs_fgsm", "trades", "mart", "trades_awp")


def main(arguments: Sequence[str] | None = None) -> int:
  """Trains and measures what is missing, and writes the tables."""
  options = parse_options(_flags(arguments), arguments, __doc__)
  deadline = time.monotonic() + 60 * options.max_minutes
  configs = {method: _config(options, method) for method in options.methods}
  name = pathlib.Path(_file(options)).stem
  out = pathlib.Path(options.out or f"runs/robust_training_{name}")
  writable(out, "--out")
  rows: list[Row] = []
  runs = runs_over_seeds("method", configs, options.seeds, out)
  for row, config, path in runs:
    rows.append(row)
    for measured in _measured(config, path, options, deadline):
      row.update(measured)
      write_tables(out, name, options.num_examples, rows)
    if time.monotonic() < deadline and row["status"] == "interrupted":
      return INTERRUPTED
  print((out / "robust_training.md").read_text(encoding="utf-8"))
  print(f"In {out}: robust_training.md, .json, .csv and trade_off.png.")
  return 0


def _measured(
  config: ConfigDict, path: pathlib.Path, options, deadline: float
) -> Iterator[dict[str, Any]]:
  """Trains a run and yields each of its results, as soon as it is known."""
  trained = train_run(config, path, deadline)
  yield trained
  if trained["status"] not in ENDED:
    return
  run = load_run(path, "best", named_modules(config))
  file = path / "measured.json"
  known = read_json(file, "Remove it.") if file.exists() else {}
  if "passes" not in known:
    known["passes"] = passes_of_step(config)
    write_json(file, known)
  yield _of_training(run) | known["passes"]
  with precision.evaluation():
    for name, measure in _all_measures(run, options).items():
      key = f"{name} of {options.num_examples} at {run.step}"
      if key not in known and time.monotonic() < deadline:
        print(f"{path.parent.name} {path.name}: {name}")
        known[key] = measure()
        write_json(file, known)
      yield {name: known.get(key)}


def _all_measures(run: Run, options) -> Mapping[str, Callable[[], float]]:
  dataset, model = run.dataset("test"), run.classifier()
  whole = first_examples(dataset, len(dataset))
  found = {"clean": functools.partial(clean_accuracy, model, whole)}
  examples = first_examples(dataset, options.num_examples)
  known = measures(run.config, dataset.fact("num_classes"))
  for name in options.measures:
    state = run.path / f"{name}_{options.num_examples}_{run.step}.npz"
    found[name] = functools.partial(known[name], model, examples, state)
  return found


def _of_training(run: Run) -> dict[str, float]:
  """Held-out accuracies of the best and the last checkpoint, and the time."""
  metric = run.config.training.monitor
  return {
    "held_out_best": 100 * run.checkpoints[run.step].get(metric, math.nan),
    "held_out_last": 100
    * run.checkpoints[max(run.checkpoints)].get(metric, math.nan),
    "seconds": run.seconds,
  }


def _config(options, method: str) -> ConfigDict:
  """Returns the config of a method, changed as the flags change the given one.

  An epoch of free adversarial training has many steps per example: a length in
  epochs is changed in proportion.
  """
  default = load_config(config_flags.get_config_filename(options["config"]))
  config = load_config(f"{_file(options)}:{method}")
  changes = overrides(default, options.config)
  epochs = changes.get("training", {}).get("num_epochs")
  if epochs is not None:
    ratio = config.training.num_epochs / default.training.num_epochs
    changes["training"]["num_epochs"] = epochs * ratio
  return with_overrides(config, changes)


def _file(options) -> str:
  """Returns the file of the config, without the argument after the colon."""
  given = config_flags.get_config_filename(options["config"])
  return given.partition(":")[0]


def _flags(arguments=None):
  values = flags.FlagValues()
  own = {"flag_values": values}
  define_study(
    values,
    arguments,
    "of robust training.",
    "time for everything: then training is interrupted, no measurement is "
    "begun, and the tables are written; the same command continues.",
  )
  one = flags.ArgumentParser()
  define_several(values, "methods", _METHODS, one, "in this order.")
  measure = flags.EnumParser(_MEASURES)
  define_several(values, "measures", _MEASURES, measure, "taken, beside clean.")
  flags.DEFINE_integer(
    "num_examples", 1000, "test images attacked.", lower_bound=1, **own
  )
  flags.DEFINE_string(
    "out", None, "runs/robust_training_CONFIG if absent.", **own
  )
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
