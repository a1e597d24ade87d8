"""Adversarial examples of a model as a file, for other programs."""

import pathlib
from typing import Any, get_args

import numpy as np
import rich.box
import rich.table
from ml_collections import ConfigDict

from experiments.build.check_config import check_config
from experiments.cli import output
from experiments.evaluate_attacks import attack_test_set
from robust_jax import precision
from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.attacks.minimal_norm.best_adversarial import distance
from robust_jax.files import atomic_write
from robust_jax.plotting.tables import print_table
from robust_jax.types import Model, Norm


@precision.evaluation()
def attack(
  model: Model,
  config: ConfigDict,
  name: str,
  path: pathlib.Path,
  num_examples: int | None = None,
) -> dict[str, Any]:
  """Writes the adversarial examples of test images under one attack.

  They are those of `evaluate_attacks` under this attack alone. The file holds
  `x` and `x_adv [N, H, W, C]`, `labels [N]`, the model's `predictions [N]` of
  x_adv, and `misclassified [N]`. Prints the clean and the robust accuracy, and
  median and largest norm of the changes that made a right prediction wrong.
  Interrupted, it goes on where it was, by a file beside it.

  Args:
    model: a frozen classifier.
    config: names data, seed and, in its section evaluation, the attacks.
    name: of `config.evaluation.attacks`, "autoattack", or an attack of the
      user's own, "package.module:function".
    path: `.npz` file.
    num_examples: of the test set's first images; all by default.

  Returns:
    "clean_accuracy", "robust_accuracy", and norm -> `[M]`, one for each image
    whose prediction the attack changed from right to wrong.

  Raises:
    ValueError: another kind of file, or an attack that the config lacks.
  """
  check_config(config)
  if path.suffix != ".npz":
    raise ValueError(f"--out={path}: expected a file named *.npz.")
  output.writable(path.parent, "--out")
  state = path.with_name(f"{path.stem}_state.npz")
  _, x, labels, outcome = attack_test_set(
    model, config, [name], num_examples, state
  )
  predictions = as_numpy_fn(model)(outcome.x_adv).argmax(axis=-1)
  with atomic_write(path) as new:
    np.savez_compressed(
      new,
      x=x,
      x_adv=outcome.x_adv,
      labels=labels,
      predictions=predictions,
      misclassified=predictions != labels,
    )
  changes = (outcome.x_adv - x)[outcome.misclassified_by > 0]
  lengths = {norm: _length(changes, norm) for norm in get_args(Norm)}
  found = {
    "clean_accuracy": float(np.mean(outcome.misclassified_by != 0)),
    "robust_accuracy": float(np.mean(predictions == labels)),
    **lengths,
  }
  title = f"{config.data.name}, {len(x)} images under {name}"
  print_table(_table(title, found, lengths))
  return found


def _length(changes: np.ndarray, norm: Norm) -> np.ndarray:
  return np.asarray(distance(changes, norm)) if len(changes) else np.zeros(0)


def _table(title, found, lengths) -> rich.table.Table:
  table = rich.table.Table(
    title=title, box=rich.box.SIMPLE_HEAD, show_header=False
  )
  table.add_row("clean accuracy", f"{found['clean_accuracy']:.2%}")
  table.add_row("robust accuracy", f"{found['robust_accuracy']:.2%}")
  for norm, values in lengths.items():
    if len(values):
      table.add_row(
        f"{norm.title()} norm of the perturbation",
        f"median {np.median(values):.4g}, largest {values.max():.4g}",
      )
  return table
