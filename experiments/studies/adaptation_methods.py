"""Methods of domain adaptation side by side, over several seeds.

  python -m experiments.studies.adaptation_methods --experiment=usps_to_mnist

Trains an experiment of `experiments/configs/domain` by every method from every
seed, each run in `OUT/METHOD/SEED`. `fine_tuned` starts from the `source_only`
run of its seed. A run that has a report is not trained again, and an
interrupted run is resumed. Prints a table of the mean and the standard
deviation over seeds of the accuracy on the target's test images, for each rule
of model selection (see `adaptation_report`), and writes it to
`OUT/methods.json`. For `fine_tuned` and `on_target`, reverse validation uses
target labels, as these methods do.
"""

import importlib
import pathlib
import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import rich.box
import rich.table
from absl import flags
from ml_collections import ConfigDict

from experiments import build, workdir
from experiments.cli.output import writable
from experiments.cli.parse_flags import parse_options
from experiments.cli.run_command import INTERRUPTED, run_command
from experiments.cli.run_flags import define_numbers, define_several
from experiments.configs import adaptation, domain
from experiments.origin import origin
from experiments.reports.adaptation_report import HEADINGS, RULES
from experiments.train import train
from robust_jax.data.loader import Loader
from robust_jax.files import read_json, write_json
from robust_jax.plotting.tables import print_table

# Of a config's data: for training, and for validation.
Loaders = dict[str, tuple[Loader, Loader]]

_NUM_STEPS = "steps of each method but fine_tuned, instead of the config's."
# Columns of the table after the accuracies on the target.
_OTHERS = ("source_accuracy", "a_distance")


def main(arguments: Sequence[str] | None = None) -> int:
  """Trains what is missing and prints the table; returns the exit status."""
  options = parse_options(_flags(), arguments, __doc__)
  out = pathlib.Path(options.out or f"runs/{options.experiment}_methods")
  writable(out, "--out")
  found: dict[str, list[dict[str, Any]]] = {
    method: [] for method in options.methods
  }
  loaders: Loaders = {}
  for seed in options.seeds:
    for method in options.methods:
      config = _config(options, method, seed, out)
      report = _report(config, out / method / str(seed), loaders)
      if report is None:
        return INTERRUPTED
      found[method].append(report)
  scores = {method: _scores(reports) for method, reports in found.items()}
  result = {"seeds": options.seeds, "methods": scores}
  write_json(out / "methods.json", result)
  print_table(_table(scores, options))
  print(f"In {out}: methods.json, and a run of each method and seed.")
  return 0


def _report(
  config: ConfigDict, path: pathlib.Path, loaders: Loaders
) -> dict[str, Any] | None:
  """Returns the report of a run, trained if need be; None if interrupted."""
  file = path / "report.json"
  if file.exists():
    workdir.refuse_another(path, config, _origin(config, loaders))
  else:
    outcome = train(config, path, f"{path.parent.name} {path.name} ")
    if outcome.status == "interrupted":
      return None
  remedy = "Delete it: it is then made anew, without another training."
  (model,) = read_json(file, remedy, ["models"])["models"].values()
  return model


def _origin(config: ConfigDict, loaders: Loaders) -> dict[str, str]:
  """Returns the origin of a run; runs on the same data read them once."""
  data = config.data.to_json()
  if data not in loaders:
    loaders[data] = build.loaders(config)[:2]
  return origin(config, *loaders[data])


def _config(options, method, seed, out):
  module = importlib.import_module(f"{domain.__name__}.{options.experiment}")
  config = module.get_config(method)
  with config.unlocked():
    config.seed = seed
    if "control" in config:  # it is one of the methods
      del config.control
    if "warm_start" in config:
      config.warm_start.run = str(out / "source_only" / str(seed))
  if options.num_steps is not None and "warm_start" not in config:
    config.training.update(
      num_steps=options.num_steps,
      evaluate_every_steps=max(1, options.num_steps // 10),
    )
  return config


def _scores(reports: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
  """Returns column -> the value from each seed."""
  by_rule = {
    rule: [report["target_accuracy"][rule] for report in reports]
    for rule in RULES
  }
  return by_rule | {
    name: [report[name] for report in reports] for name in _OTHERS
  }


def _table(scores: Mapping[str, Mapping[str, list[float]]], options):
  table = rich.table.Table(
    title=f"{options.experiment}: accuracy on the target in %, mean and "
    f"standard deviation over {len(options.seeds)} seeds",
    box=rich.box.SIMPLE_HEAD,
    collapse_padding=True,  # or it is too wide for 80 columns
    pad_edge=False,
  )
  table.add_column("method", no_wrap=True)
  for name in (*RULES, *_OTHERS):
    table.add_column(HEADINGS[name], justify="right", no_wrap=True)
  for method, columns in scores.items():
    cells = [
      _spread(values, 1 if name == "a_distance" else 100)
      for name, values in columns.items()
    ]
    table.add_row(method, *cells)
  return table


def _spread(values, unit):
  digits = 2 if unit == 1 else 1
  text = f"{unit * np.mean(values):.{digits}f}"
  if len(values) > 1:
    text += f"±{unit * np.std(values, ddof=1):.{digits}f}"
  return text


def _flags():
  values = flags.FlagValues()
  own = {"flag_values": values}
  names = [m.name for m in pkgutil.iter_modules(domain.__path__)]
  flags.DEFINE_enum(
    "experiment", None, names, "the experiment.", required=True, **own
  )
  methods = flags.EnumParser(list(adaptation.METHODS))
  define_several(
    values, "methods", adaptation.METHODS, methods, "methods to train."
  )
  define_numbers("seeds", [0, 1, 2], "of each method, as in 0..4.", values)
  flags.DEFINE_integer("num_steps", None, _NUM_STEPS, **own)
  flags.DEFINE_string(
    "out", None, "output folder; runs/EXPERIMENT_methods by default.", **own
  )
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
