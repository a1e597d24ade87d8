"""Class proportions of an unlabeled target domain.

  python -m experiments.studies.label_shift \\
      --workdir=runs/mnist_to_mnist_m_source_only

Black-box shift estimation (`robust_jax.probes.label_shift`) with a finished run
at its last step: its confusion matrix is counted on held-out source examples,
its predictions on the target's training part. Prints the proportions, and the
flag with which another training weights source examples by class. The estimate
is valid if domains differ in their proportions only. If the images differ as
well, adapt first and estimate with the adapted network.
"""

import pathlib

import numpy as np
import rich.box
import rich.table
from absl import flags
from jax.nn import softmax

from experiments import build
from experiments.build.imports import define_flag
from experiments.cli.parse_flags import parse_options
from experiments.cli.run_command import run_command
from experiments.examples import Examples, spread_examples
from experiments.load_run import load_run
from robust_jax import precision
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.models.inference import DomainAdaptedModel
from robust_jax.plotting.tables import print_table
from robust_jax.probes.label_shift import LabelShift
from robust_jax.probes.label_shift import label_shift as estimate


@precision.evaluation()
def main(arguments: list[str] | None = None) -> int:
  """Prints the proportions and the flag; returns the exit status."""
  options = parse_options(_flags(), arguments, __doc__)
  allowed = options.allow_imports
  run = load_run(pathlib.Path(options.workdir), "last", allowed)
  most = options.num_examples
  sources, _ = build.domains(run.config, "validation")
  _, target = build.domains(run.config, "train")
  shift = label_shift(
    run.deployed,
    spread_examples(sources, most),
    spread_examples([target], most).x,
    soft=options.soft,
  )
  _print(shift)
  return 0


def label_shift(
  network: DomainAdaptedModel,
  source: Examples,
  target: np.ndarray,
  *,
  soft: bool = False,
) -> LabelShift:
  """Estimates class weights and proportions from predictions of a network.

  Args:
    network: the deployed network of a run between domains.
    source: labeled examples that were held out of training.
    target: images `[M, H, W, C]` of unknown labels.
    soft: whether to average probabilities; see `probes.label_shift`.
  """
  of_source = np.asarray(softmax(as_numpy_fn(network.source)(source.x)))
  of_target = np.asarray(softmax(as_numpy_fn(network.target)(target)))
  return estimate(source.y, of_source, of_target, soft=soft)


def _print(shift):
  table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
  for name in ("class", "fraction of the target", "weight in the source"):
    table.add_column(name, justify="right")
  for i, (fraction, weight) in enumerate(
    zip(shift.target, shift.weights, strict=True)
  ):
    table.add_row(str(i), f"{100 * fraction:.1f} %", f"{weight:.2f}")
  print_table(table)
  weights = ",".join(f"{weight:.3f}" for weight in shift.weights)
  print(f"--config.task.class_weights='({weights})'")


def _flags():
  values = flags.FlagValues()
  own = {"flag_values": values}
  flags.DEFINE_string("workdir", None, "a finished run.", required=True, **own)
  flags.DEFINE_integer(
    "num_examples",
    10_000,
    "largest number of examples per domain.",
    lower_bound=1,
    **own,
  )
  flags.DEFINE_bool(
    "soft", False, "average probabilities, not predictions.", **own
  )
  define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
