"""Sharpness of the loss around the weights of trained classifiers.

  python -m experiments.studies.sharpness \\
      --workdirs=runs/mnist_standard,runs/mnist_pgd --out=runs/sharpness

For each run, at its best checkpoint, computes the largest and the smallest
eigenvalue of the Hessian of the mean cross-entropy, on clean images and on
adversarial examples of the config's `evaluation.curve` (found once, then held
fixed); and the loss along random filter-normalized directions and along its own
gradient. Prints a table, and writes `sharpness.json` and a picture per run.
"""

import functools
import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import rich.box
import rich.table
from absl import flags

from experiments import build
from experiments.build import sections
from experiments.build.imports import define_flag
from experiments.cli import output
from experiments.cli.parse_flags import parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import run_command
from experiments.examples import first_examples
from experiments.load_run import Run, load_run
from robust_jax import losses, precision
from robust_jax.files import write_json
from robust_jax.plotting.loss_landscape import draw_loss_along
from robust_jax.plotting.tables import print_table
from robust_jax.probes.sharpness import (
  ascent_direction,
  filter_normalized,
  hessian_eigenvalues,
  loss_along,
)
from robust_jax.types import Array, PyTree

_STEPS = np.linspace(-1, 1, 21)


@precision.evaluation()
def main(arguments: list[str] | None = None) -> int:
  """Runs the command; returns the exit status."""
  options = parse_options(_flags(), arguments, __doc__)
  out = pathlib.Path(options.out)
  output.writable(out, "--out")
  report = {}
  for path in map(pathlib.Path, options.workdirs):
    run = load_run(path, "best", options.allow_imports)
    report[path.name], lines = measure(
      run, options.num_examples, options.num_iterations, options.num_directions
    )
    draw_loss_along(out / f"{path.name}.png", _STEPS, lines)
  result = {"runs": report, "num_examples": options.num_examples, **machine()}
  write_json(out / "sharpness.json", result)
  print_table(_table(report))
  return 0


def measure(
  run: Run, num_examples: int, num_iterations: int, num_directions: int
) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
  """Measures the curvature at a run's weights, and its loss along lines.

  Args:
    run: a run of a classifier.
    num_examples: number of test images.
    num_iterations: iterations of the Lanczos method.
    num_directions: number of random directions.

  Returns:
    The loss and its outer eigenvalues on "clean" and "adversarial" images; and
    the adversarial loss along "random" directions `[N, S]` and along the
    "adversarial" one `[S]`.
  """
  key_attack, key_lanczos, key = jax.random.split(jax.random.key(0), 3)
  examples = first_examples(run.dataset("test"), num_examples)
  x, y = map(jnp.asarray, examples)
  attack = sections.attack(run.config.evaluation.curve)
  x_adv = attack(key_attack, run.classifier(), x, y)
  clean, adversarial = (_loss(run, x, y), _loss(run, x_adv, y))
  params = run.variables["params"]
  found = {}
  for name, loss in (("clean", clean), ("adversarial", adversarial)):
    eigenvalues = hessian_eigenvalues(key_lanczos, loss, params, num_iterations)
    found[name] = {
      "loss": float(loss(params)),
      "largest": float(eigenvalues[0]),
      "smallest": float(eigenvalues[-1]),
    }
  steps = jnp.asarray(_STEPS)
  along = functools.partial(loss_along, adversarial, params, steps=steps)
  drawn = [
    along(direction=filter_normalized(k, params))
    for k in jax.random.split(key, num_directions)
  ]
  ascent = along(direction=ascent_direction(adversarial, params))
  lines = {"random": np.stack(drawn), "adversarial": np.asarray(ascent)}
  return found, lines


def _loss(run: Run, x: Array, y: Array) -> Callable[[PyTree], Array]:
  """Returns the loss of the parameters, at fixed BatchNorm statistics."""
  dataset = run.dataset("test")
  model = build.model(run.config, dataset.info)

  def loss(params: PyTree) -> Array:
    logits = model.apply({**run.variables, "params": params}, x)
    return losses.cross_entropy(logits, y).mean()

  return jax.jit(loss)


def _table(report: dict[str, dict[str, dict[str, float]]]) -> rich.table.Table:
  table = rich.table.Table(
    title="loss, and eigenvalues of its Hessian", box=rich.box.SIMPLE_HEAD
  )
  for column in ("run", "images"):
    table.add_column(column)
  for column in ("loss", "largest", "smallest"):
    table.add_column(column, justify="right")
  for name, kinds in report.items():
    for kind, values in kinds.items():
      table.add_row(name, kind, *(f"{v:.4g}" for v in values.values()))
  return table


def _flags():
  values = flags.FlagValues()
  own = {"flag_values": values}
  count = {"lower_bound": 1, **own}
  flags.DEFINE_list("workdirs", None, "finished runs.", required=True, **own)
  flags.DEFINE_string("out", None, "output folder.", required=True, **own)
  flags.DEFINE_integer("num_examples", 500, "number of test images.", **count)
  flags.DEFINE_integer(
    "num_iterations", 20, "iterations of the Lanczos method.", **count
  )
  flags.DEFINE_integer(
    "num_directions", 5, "number of random directions.", **count
  )
  define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
