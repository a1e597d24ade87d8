"""Pre-training by ELECTRA and by MLM at equal compute, judged by fine-tuning.

  python -m experiments.studies.pretraining \\
      --config=experiments/configs/text/electra.py --seeds=0,1,2

A method is an argument of the config, or "scratch" for no pre-training. The
first one runs for the steps of the config. All others run for as many as have
the same number of floating point operations, which are counted in the traced
program of a step (`robust_jax.flop`). One tokenizer, trained on the corpus,
serves all of them.

Checkpoints are kept at equal distances, as many as `--num_points`. The last one
of each run is fine-tuned on every task, which is an argument of
`experiments/configs/text/fine_tuning.py`; the others only on the tasks of
`--speed_tasks`, for the picture of accuracy against compute. A fine-tuned run
is judged by its accuracy on test data at the checkpoint that was best on
held-out data.

Finished runs are not repeated and interrupted ones continue, so the same
command with more methods, tasks or seeds adds to the table. After every run OUT
has `pretraining.md`, `.json` and `.csv`, and `learning_speed.png`. Fields of
the config are set as in training: `--config.training.num_steps=5000`.
"""

import csv
import pathlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
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
from experiments.load_run import Run, load_run
from experiments.planning.described_step import flop_of_step
from experiments.table_over_seeds import Column, table_over_seeds
from experiments.train import train
from experiments.train_run import ENDED, train_run
from robust_jax import parallel
from robust_jax.data.loader import evaluation_loader
from robust_jax.files import atomic_write, read_json, write_json
from robust_jax.plotting.learning_speed import draw_learning_speed
from robust_jax.training.measure_dataset import measure_dataset

_FINE_TUNING = "experiments/configs/text/fine_tuning.py"
_SCRATCH = "scratch"
_TASKS = ("sst2_1000", "sst2", "ag_news_1000", "ag_news")
_OF_PRETRAINING = {
  "pflop": Column("PFLOP", ".3g", ".2g"),
  "seconds": Column("seconds", ".0f", ".0f"),
  "masked_accuracy": Column("masked accuracy, %", ".1f", ".1f"),
  "auc": Column("AUC", ".3f", ".3f"),
}


def main(arguments: Sequence[str] | None = None) -> int:
  """Trains and measures what is missing, and writes the tables."""
  options = parse_options(_flags(arguments), arguments, __doc__)
  deadline = time.monotonic() + 60 * options.max_minutes
  out = pathlib.Path(options.out)
  writable(out, "--out")
  configs = _configs(options, out)
  rows: list[dict[str, Any]] = []
  for seed in options.seeds:
    for method in options.methods:
      row = {"method": method, "seed": seed, "status": "unfinished"}
      row["points"] = []
      rows.append(row)
      study = _Study(*configs[method], out, method, seed, deadline)
      for found in _measured(study, options):
        row["points"] += found.pop("points", [])
        row.update(found)
        _write(out, options.tasks, rows)
      if time.monotonic() < deadline and row["status"] == "interrupted":
        return INTERRUPTED
  print((out / "pretraining.md").read_text(encoding="utf-8"))
  print(f"In {out}: pretraining.md, .json and .csv and learning_speed.png.")
  return 0


class _Study(NamedTuple):
  """A method with a seed.

  Attributes:
    config: config of its pre-training, or, of "scratch", of another method's.
    pflop: PFLOP of a step of pre-training.
    out: folder of the study, which has the tokenizer.
    method: the method.
    seed: seed of pre-training and of fine-tuning.
    deadline: see `train`.
  """

  config: ConfigDict
  pflop: float
  out: pathlib.Path
  method: str
  seed: int
  deadline: float

  @property
  def path(self) -> pathlib.Path:
    """Folder of its runs."""
    return self.out / self.method / str(self.seed)


def _configs(options, out: pathlib.Path) -> dict[str, tuple[ConfigDict, float]]:
  """The config of each method, and the PFLOP of a step.

  Its number of steps is that of the same compute.
  """
  given = config_flags.get_config_filename(options["config"])
  file, _, _ = given.partition(":")  # an argument changes all methods
  first = options.config
  changes = overrides(load_config(file), first)
  with_tokenizer(first, out, train=True)
  found, budget = {}, first.training.num_steps * flop_of_step(first) / 1e15
  for method in options.methods:
    arg = "" if method == _SCRATCH else f":{method}"
    config = with_overrides(load_config(f"{file}{arg}"), changes)
    pflop = flop_of_step(config) / 1e15
    with config.unlocked():
      every = round(budget / pflop / options.num_points)
      config.training.evaluate_every_steps = max(1, every)
      config.training.num_steps = max(1, every) * options.num_points
      config.training.keep_last = options.num_points
      config.data.tokenizer = {"run": str(out)}
    found[method] = config, pflop
  return found


def _measured(study: _Study, options) -> Iterator[dict[str, Any]]:
  """Pre-trains, fine-tunes, and yields each result as soon as it is known."""
  run = None
  if study.method != _SCRATCH:
    with study.config.unlocked():
      study.config.seed = study.seed
    trained = train_run(study.config, study.path, study.deadline)
    if trained["status"] not in ENDED:
      yield trained
      return
    yield {"step": trained["step"]}
    run = load_run(study.path, "last", named_modules(study.config))
    yield {"pflop": run.step * study.pflop, **_of_pretraining(run)}
  for task, step in _fine_tunings(run, options):
    accuracy = _fine_tuned(study, task, step)
    if accuracy is None:
      yield {"status": "interrupted"}
      return
    pflop = step * study.pflop
    point = {"task": task, "pflop": pflop, "accuracy": accuracy}
    is_last = run is None or step == run.step
    yield {"points": [point]} | ({task: accuracy} if is_last else {})
  yield {"status": "finished"}


def _of_pretraining(run: Run) -> dict[str, float]:
  """Time of training, and held-out figures of the last checkpoint."""
  held_out = run.checkpoints[run.step]
  found = {
    "seconds": run.seconds,
    "masked_accuracy": 100 * held_out["masked_accuracy"],
  }
  return found | {k: v for k, v in held_out.items() if k == "auc"}


def _fine_tunings(run: Run | None, options) -> Iterator[tuple[str, int]]:
  """Tasks, and the checkpoints that are fine-tuned on each, the last first."""
  steps = [0] if run is None else sorted(run.checkpoints, reverse=True)
  for step in steps:
    for task in options.tasks if step == steps[0] else options.speed_tasks:
      yield task, step


def _fine_tuned(study: _Study, task: str, step: int) -> float | None:
  """Accuracy on test data after fine-tuning, in percent; None if interrupted.

  Args:
    study: the method and its folder.
    task: argument of the config of fine-tuning.
    step: step of the checkpoint; 0 for random parameters.
  """
  path = study.path / "fine_tuned" / f"{task}_{step}"
  file = path / "measured.json"
  if file.exists():
    return read_json(file, "Remove it.", ("accuracy",))["accuracy"]
  if time.monotonic() >= study.deadline:
    return None
  config = load_config(f"{_FINE_TUNING}:{task}")
  config = with_overrides(config, {"warm_start": None})
  encoder = study.config.model.to_dict()
  with config.unlocked():
    config.seed = study.seed
    config.model = {k: v for k, v in encoder.items() if k != "dropout"}
    config.data.length = study.config.data.length
    config.data.tokenizer = {"run": str(study.out)}
    if step:
      start = {"run": str(study.path), "fresh": ("dense",), "which": step}
      config.warm_start = start
  title = f"{study.method} {study.seed} {task} "
  if train(config, path, title, study.deadline).status == "interrupted":
    return None
  accuracy = 100 * _test_accuracy(load_run(path))
  write_json(file, {"accuracy": accuracy})
  return accuracy


def _test_accuracy(run: Run) -> float:
  loader = evaluation_loader(
    run.dataset("test"), run.config.evaluation.batch_size
  )
  found = measure_dataset(
    parallel.pmap_evaluate(run.task.evaluate, loader.decode),
    parallel.replicate(run.state),
    loader,
    parallel.replicate(loader.device_data),
    jax.random.key(0),
  )
  return float(found["accuracy"])


def _write(
  out: pathlib.Path, tasks: Sequence[str], rows: Sequence[dict[str, Any]]
) -> None:
  write_json(out / "pretraining.json", {"rows": list(rows)} | machine())
  columns = _OF_PRETRAINING | {
    task: Column(f"{task}, %", ".1f", ".1f") for task in tasks
  }
  fields = ["method", "seed", "status", "step", *columns]
  with (
    atomic_write(out / "pretraining.csv") as new,
    new.open("w", encoding="utf-8", newline="") as file,
  ):
    writer = csv.DictWriter(file, fields, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
  lines = table_over_seeds(rows, "method", columns)
  with atomic_write(out / "pretraining.md") as new:
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
  points: dict[str, dict[str, dict[float, list[float]]]] = {}
  for row in rows:
    for one in row["points"]:
      curve = points.setdefault(one["task"], {}).setdefault(row["method"], {})
      curve.setdefault(one["pflop"], []).append(one["accuracy"])
  if points:
    draw_learning_speed(out / "learning_speed.png", points)


def _flags(arguments=None):
  values = flags.FlagValues()
  define_study(
    values,
    arguments,
    "of pre-training.",
    "time for everything: then training is interrupted, no other is begun, and "
    "the tables are written; the same command continues.",
  )
  one = flags.ArgumentParser()
  methods = ("electra", "mlm", _SCRATCH)
  define_several(values, "methods", methods, one, "in this order.")
  define_several(values, "tasks", _TASKS, one, "of fine-tuning.")
  few = [task for task in _TASKS if task.endswith("_1000")]
  define_several(values, "speed_tasks", few, one, "of earlier checkpoints.")
  flags.DEFINE_integer(
    "num_points", 4, "checkpoints.", lower_bound=1, flag_values=values
  )
  flags.DEFINE_string("out", "runs/pretraining", "folder.", flag_values=values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
