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
continue, so the same command with more variants or seeds adds to the table. It
is written to OUT after every run: `generation.md` and `generation.json`. Fields
of the config are set as in training: `--config.training.num_steps=5000`.
"""

import math
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments.build.with_overrides import overrides, with_overrides
from experiments.cli.output import writable
from experiments.cli.parse_flags import load_config, parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import INTERRUPTED, run_command
from experiments.cli.run_flags import define_several
from experiments.load_run import load_run
from experiments.train import train
from robust_jax.files import atomic_write, read_json, write_json

_CLASSIFIER = "independent_classifier"
# Statistic of a report -> heading.
_COLUMNS = {
  "frechet_distance": "Frechet distance",
  "kernel_distance": "kernel distance",
  "precision": "precision",
  "recall": "recall",
  "density": "density",
  "coverage": "coverage",
  "num_covered": "classes",
  "in_a_mode": "in a mode",
  "kl": "KL of classes",
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
  for seed in options.seeds:
    for variant, config in configs.items():
      config.seed = seed
      row = _judged(config, out / variant / str(seed), deadline)
      rows.append({"variant": variant, "seed": seed, **row})
      _write(out, name, rows)
      if time.monotonic() < deadline and row["status"] == "interrupted":
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
    if time.monotonic() >= deadline:
      return {"status": "not started"}
    title = f"{path.parent.name} {path.name}"
    status = train(config, path, title, deadline).status
    if status != "finished":
      return {"status": status}
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
  headings = ["variant", "seeds", *_COLUMNS.values(), "seconds"]
  lines = [
    f"| {' | '.join(headings)} |",
    f"|---|---|{'---:|' * (len(headings) - 2)}",
  ]
  for variant in dict.fromkeys(row["variant"] for row in rows):
    mine = [row for row in rows if row["variant"] == variant]
    done = [row for row in mine if row["status"] == "finished"]
    seeds = ", ".join(
      str(row["seed"])
      + ("" if row["status"] == "finished" else f" ({row['status']})")
      for row in mine
    )
    generated = [row["generated"] for row in done]
    cells = [_cell([_value(one, c) for one in generated]) for c in _COLUMNS]
    cells.append(_cell([row["seconds"] for row in done]))
    lines.append(f"| {variant} | {seeds} | {' | '.join(cells)} |")
  floors = [row["floor"] for row in rows if "floor" in row]
  if floors:
    cells = [_cell([_value(floors[0], c)]) for c in _COLUMNS]
    lines.append(f"| training examples | | {' | '.join(cells)} | |")
  with atomic_write(out / "generation.md") as new:
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _value(statistics: dict[str, Any], name: str) -> float:
  found = statistics.get(name, math.nan)
  return found["value"] if isinstance(found, dict) else found


def _cell(values: Sequence[float]) -> str:
  """Formats the mean and, of several values, the standard deviation."""
  known = [value for value in values if not math.isnan(value)]
  if not known:
    return ""
  text = f"{np.mean(known):.4g}"
  if len(known) > 1:
    text += f" ± {np.std(known, ddof=1):.2g}"
  return text


def _flags(arguments=None):
  values = flags.FlagValues()
  own = {"flag_values": values}
  config_flags.DEFINE_config_file(
    "config",
    None,
    "of a GAN with a report.",
    sys_argv=None if arguments is None else list(arguments),
    **own,
  )
  flags.mark_flag_as_required("config", **own)
  one = flags.ArgumentParser()
  define_several(values, "variants", [], one, "arguments of the config.")
  seeds = flags.IntegerParser()
  define_several(values, "seeds", [0], seeds, "all variants from each of them.")
  flags.DEFINE_float(
    "max_minutes",
    math.inf,
    "time for everything: then training is interrupted; the same command "
    "continues.",
    lower_bound=0.0,
    **own,
  )
  flags.DEFINE_string("out", None, "runs/generation_CONFIG if absent.", **own)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
