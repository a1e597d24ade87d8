"""Adversarial examples of a model in a file, for other programs."""

import pathlib
from typing import Any, get_args

import jax.numpy as jnp
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

  They are the same as in `evaluate_attacks` with this attack alone. The file
  has `x` and `x_adv [N, H, W, C]`, `labels [N]`, the model's `predictions [N]`
  for x_adv, and `misclassified [N]`. Clean and robust accuracy are printed,
  with median and largest norm of the successful perturbations. An interrupted
  call resumes from a file beside the result.

  Args:
    model: a frozen classifier.
    config: config of the data, the seed and, in its section `evaluation`, the
      attacks.
    name: a name in `config.evaluation.attacks`, "autoattack", or the user's own
      attack, "package.module:function".
    path: path of the `.npz` file.
    num_examples: number of test images, from the first on; None for all.

  Returns:
    "clean_accuracy", "robust_accuracy", and norm -> `[M]`, the norms of the
    perturbations of the M images that were classified correctly before.

  Raises:
    ValueError: another kind of file, or the config has no such attack.
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
  if not len(changes):
    return np.zeros(0)
  return np.asarray(distance(jnp.asarray(changes), norm))


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
