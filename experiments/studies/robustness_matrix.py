"""Accuracy of models trained on one perturbation set under attacks in others.

  python -m experiments.studies.robustness_matrix --out=runs/matrix \\
    --models standard=runs/mnist Linf=runs/mnist_pgd L2=runs/mnist_l2 \\
      spatial=runs/mnist_worst_of_10

Attacks each model by AutoAttack in the Linf and the L2 ball, and by the grid of
775 rotations and translations. Prints the accuracy under each of them and under
all three at once, and writes `robustness_matrix.json` and a picture.
"""

import functools
import pathlib
import time
from collections.abc import Callable, Sequence

import numpy as np
import rich.console
from absl import flags

from experiments.build import imports
from experiments.cli import output
from experiments.cli.parse_flags import parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import run_command
from experiments.cli.run_flags import define_models, named_sources
from experiments.examples import first_examples
from experiments.load_run import load_run
from experiments.measured_robustness import correct_after
from robust_jax import attacks, losses, perturbations, precision, search
from robust_jax.attacks.autoattack import suite
from robust_jax.attacks.autoattack.autoattack import stages
from robust_jax.attacks.autoattack.stage import Stage
from robust_jax.attacks.lp_ball import in_ball
from robust_jax.files import write_json
from robust_jax.plotting.heat_map import draw_heat_map
from robust_jax.plotting.tables import matrix_table

# (model, examples, title=...) -> whether each image is classified correctly.
Measure = Callable[..., np.ndarray]


@precision.evaluation()
def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns the exit status."""
  options = parse_options(_flags(), arguments, __doc__)
  workdirs = named_sources(options.models)
  path = pathlib.Path(options.out)
  output.writable(path, "--out")
  measures, rows, seconds = _measures(options), {}, {}
  for name, workdir in workdirs.items():
    run = load_run(pathlib.Path(workdir), "best", options.allow_imports)
    model = run.classifier()
    examples = first_examples(run.dataset("test"), options.num_examples)
    started = time.monotonic()
    correct = {
      column: measure(model, examples, title=f"{name}, {column}: ")
      for column, measure in measures.items()
    }
    correct["all of them"] = np.all(list(correct.values()), axis=0)
    rows[name] = {column: float(c.mean()) for column, c in correct.items()}
    seconds[name] = round(time.monotonic() - started, 1)
  fractions = np.array([list(row.values()) for row in rows.values()])
  title = f"accuracy on {len(examples.y)} images under attack"
  names = list(rows), [*measures, "all of them"]
  rich.console.Console().print(
    matrix_table(title, "trained", *names, fractions)
  )
  draw_heat_map(
    path / "robustness_matrix.png",
    title,
    ("trained against", "attacked in"),
    *names,
    fractions,
  )
  write_json(
    path / "robustness_matrix.json",
    {"accuracy": rows, "seconds": seconds, "options": _options(options)}
    | machine(),
  )
  return 0


def _measures(options) -> dict[str, Measure]:
  linf, l2 = options.linf, options.l2
  return {
    "clean": functools.partial(correct_after, []),
    f"Linf {linf:g}": functools.partial(
      correct_after,
      stages("linf", linf, "standard", 10),
      check=in_ball("linf", linf),
    ),
    f"L2 {l2:g}": functools.partial(
      correct_after, stages("l2", l2, "standard", 10), check=in_ball("l2", l2)
    ),
    f"{options.degrees:g}°, {options.pixels:g} px": functools.partial(
      correct_after, [_grid(options)]
    ),
  }


def _grid(options) -> Stage:
  """Makes the attack by 31 rotations and 5 x 5 translations."""
  pset = perturbations.affine(options.degrees, options.pixels)
  attack = attacks.compose(
    search.grid_search, pset, losses.margin, num_points=(31, 5, 5)
  )
  return suite.single_round_stage("grid", attack)


def _options(options) -> dict[str, float]:
  chosen = ("linf", "l2", "degrees", "pixels", "num_examples")
  return {name: options[name].value for name in chosen}


def _flags():
  values = flags.FlagValues()
  own = {"flag_values": values}
  define_models(values)
  flags.DEFINE_float("linf", 0.3, "radius of the Linf ball.", **own)
  flags.DEFINE_float("l2", 1.5, "radius of the L2 ball.", **own)
  flags.DEFINE_float("degrees", 30.0, "largest rotation.", **own)
  flags.DEFINE_float("pixels", 3.0, "largest translation.", **own)
  flags.DEFINE_integer(
    "num_examples", 500, "number of test images.", lower_bound=1, **own
  )
  flags.DEFINE_string("out", "runs/matrix", "output folder.", **own)
  imports.define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
