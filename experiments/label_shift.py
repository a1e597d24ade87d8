"""In what proportions the classes occur in a target without labels.

  python -m experiments.label_shift --workdir=runs/mnist_to_mnist_m_source_only

Asks a finished run, by default as it stood at its last step: black-box shift
estimation (`robust_jax.evaluation.label_shift`). Prints the proportions, and
the flag that has another training weigh the source's examples by them. It holds
where domains differ in their proportions alone; where images differ as well,
adapt first and ask the adapted network.
"""

import argparse
import logging
import pathlib

import rich.box
import rich.table
from jax.nn import softmax

from experiments import build, workdir
from experiments.adapted_run import adapted_run, examples
from robust_jax.evaluation import report
from robust_jax.evaluation.label_shift import LabelShift
from robust_jax.evaluation.label_shift import label_shift as estimate
from robust_jax.on_host import on_host


def main(arguments: list[str] | None = None) -> int:
  """Prints the table and the flag."""
  options = _parser().parse_args(arguments)
  # The readers of data sets warn through absl of what nobody here can act on.
  logging.getLogger("absl").setLevel(logging.ERROR)
  print_shift(label_shift(options.workdir, options.num_examples, options.soft))
  return 0


def label_shift(
  path: pathlib.Path, num_examples: int = 10_000, soft: bool = False
) -> LabelShift:
  """Class weights and proportions by the last checkpoint of a run.

  The classifier's errors are counted on held-out source examples, its answers
  on the target's training part, without its labels.

  Args:
    path: a finished run of domain adaptation.
    num_examples: of each domain at most.
    soft: as `evaluation.label_shift` takes it.
  """
  config = workdir.read_config(path)
  source = examples(build.domains(config, "validation")[0], num_examples)
  target = examples([build.domains(config, "train")[1]], num_examples)
  with adapted_run(path) as run:
    network = run.last()
  answers = (
    softmax(on_host(part)(x), axis=-1)
    for part, x in ((network.source, source.x), (network.target, target.x))
  )
  return estimate(source.y, *answers, soft=soft)


def print_shift(shift: LabelShift) -> None:
  """The estimate as a table, and as a flag."""
  table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
  for name in ("class", "in the target", "weight of the source's"):
    table.add_column(name, justify="right")
  for i, (share, weight) in enumerate(
    zip(shift.target, shift.weights, strict=True)
  ):
    table.add_row(str(i), f"{100 * share:.1f} %", f"{weight:.2f}")
  report.print_table(table)
  print(f"--config.task.class_weights='{flag_value(shift)}'")


def flag_value(shift: LabelShift) -> str:
  """The weights as a tuple on the command line."""
  return f"({','.join(f'{weight:.3f}' for weight in shift.weights)})"


def _parser():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  add("--workdir", type=pathlib.Path, required=True, help="a finished run")
  add("--num-examples", type=int, default=10_000, help="of each domain at most")
  add("--soft", action="store_true", help="average probabilities, not answers")
  return parser


if __name__ == "__main__":
  raise SystemExit(main())
