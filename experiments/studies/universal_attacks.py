"""Universal perturbations and adversarial patches on held-out images.

  python -m experiments.studies.universal_attacks \\
    --models standard=runs/mnist Linf=runs/mnist_pgd

For each model, learns from training images one perturbation in the Linf ball
and one round patch for any place, and evaluates the model on test images with
them. For comparison it evaluates a random perturbation of the same size and a
patch of noise. A second patch is learned to make all predictions one class.
Prints a table, and writes `universal_attacks.json` and a picture.
"""

import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from experiments.build import imports
from experiments.cli import output
from experiments.cli.parse_flags import parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import run_command
from experiments.cli.run_flags import define_models, named_sources
from experiments.examples import first_examples
from experiments.load_run import load_run
from robust_jax import attacks, losses, perturbations, precision
from robust_jax.attacks.universal.adversarial_patch import (
  place,
  random_placement,
)
from robust_jax.attacks.universal.universal import apply_universal
from robust_jax.files import write_json
from robust_jax.plotting.style import new_figure, save_figure, show_image
from robust_jax.plotting.tables import accuracy_table, print_table
from robust_jax.types import Array, Model

_TURN = 20.0  # degrees, of a patch
_RESOLUTION = 16  # of a patch
_NUM_SHOWN = 8
_AIMED = "aimed patch"


class Found(NamedTuple):
  """Changed test images and the predictions on them.

  Attributes:
    images: name of the change -> `[N, H, W, C]`.
    predictions: name of the change -> `[N]`.
  """

  images: dict[str, Array]
  predictions: dict[str, Array]


@precision.evaluation()
def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns its exit status.

  Raises:
    ValueError: a model is not a run of a classifier, or an option is out of
      range.
  """
  options = parse_options(_flags(), arguments, __doc__)
  out = pathlib.Path(options.out)
  output.writable(out, "--out")
  rows, found = {}, {}
  for name, workdir in named_sources(options.models).items():
    run = load_run(pathlib.Path(workdir), "best", options.allow_imports)
    train, test = run.dataset("train"), run.dataset("test")
    x_train, y_train = first_examples(train, options.num_train)
    x, labels = first_examples(test, options.num_examples)
    # On the device, where loops pick rows of them.
    found[name] = attacked(
      run.classifier(),
      jnp.asarray(x_train),
      jnp.asarray(y_train),
      jnp.asarray(x),
      options,
    )
    rows[name] = _fractions(found[name].predictions, labels, options.target)
  print_table(accuracy_table(rows, f"{len(labels)} test images"))
  _draw(out / "universal_attacks.png", found)
  write_json(
    out / "universal_attacks.json",
    {"accuracy": rows, "options": options.flag_values_dict()} | machine(),
  )
  return 0


def attacked(
  logits_fn: Model,
  x_train: Array,
  y_train: Array,
  x: Array,
  options: flags.FlagValues,
) -> Found:
  """Changes images x `[N, H, W, C]` in [0, 1] as learned from others."""
  num_classes = jax.eval_shape(logits_fn, x[:1]).shape[-1]
  if not 0 <= options.target < num_classes:
    raise ValueError(
      f"target = {options.target}: expected a class of the model, 0 to "
      f"{num_classes - 1}."
    )
  keys = jax.random.split(jax.random.key(options.seed), 6)
  ball = perturbations.linf(options.eps)
  draw = random_placement((options.diameter, options.diameter), _TURN)

  def patch(key, objective, labels):
    find = attacks.adversarial_patch(draw, objective, resolution=_RESOLUTION)
    return find(key, logits_fn, x_train, labels)

  expected = losses.targeted(losses.cross_entropy)
  gray = jnp.full_like(x[:1], 0.5)
  noise = jax.random.normal(keys[0], gray.shape)
  deltas = {
    "random corner": ball.linear_maximizer(gray, noise),
    "universal": attacks.universal(ball)(keys[1], logits_fn, x_train, y_train),
  }
  patches = {
    "patch of noise": jax.random.uniform(
      keys[2], (_RESOLUTION, _RESOLUTION, x.shape[-1])
    ),
    "patch": patch(keys[3], losses.cross_entropy, y_train),
    _AIMED: patch(keys[4], expected, jnp.full_like(y_train, options.target)),
  }
  where = draw(keys[5], x)
  images = {"clean": x}
  images |= {
    name: apply_universal(ball, delta, x) for name, delta in deltas.items()
  }
  images |= {name: place(one, x, where) for name, one in patches.items()}
  predict = jax.jit(lambda x: logits_fn(x).argmax(axis=-1))
  return Found(images, {name: predict(x) for name, x in images.items()})


def _fractions(
  predictions: dict[str, Array], labels: np.ndarray, target: int
) -> dict[str, float]:
  """Returns accuracies, and fractions of other classes sent to the target."""
  fractions = {
    name: float((p == labels).mean()) for name, p in predictions.items()
  }
  for name in ("patch of noise", _AIMED):
    hit = (predictions[name] == target)[labels != target]
    fractions[f"{name}, predicted {target}"] = float(hit.mean())
  return fractions


def _draw(path: pathlib.Path, found: dict[str, Found]) -> None:
  """Draws the first images under each change, with predictions."""
  names = list(next(iter(found.values())).images)
  figure = new_figure(1.1 * _NUM_SHOWN + 2, 1.25 * len(names) * len(found))
  axes = figure.subplots(len(names) * len(found), _NUM_SHOWN)
  rows = [(model, name) for model in found for name in names]
  for row, (model, name) in zip(axes, rows, strict=True):
    images, predictions = (of[name] for of in found[model])
    for axis, x, label in zip(row, images, predictions, strict=False):
      show_image(axis, x)
      axis.set_title(str(label), fontsize=8, pad=2)
    row[0].set_ylabel(
      f"{model}\n{name}", rotation=0, ha="right", va="center", fontsize=8
    )
  figure.suptitle("above each image, the predicted class", fontsize=9)
  save_figure(figure, path)


def _flags() -> flags.FlagValues:
  values = flags.FlagValues()
  own: dict[str, Any] = {"flag_values": values}
  some: dict[str, Any] = {"lower_bound": 1}
  define_models(values)
  flags.DEFINE_float("eps", 0.3, "radius of the Linf ball.", **own)
  flags.DEFINE_float(
    "diameter", 0.4, "diameter of the patch, as a fraction of the side.", **own
  )
  flags.DEFINE_integer("target", 3, "target class of the aimed patch.", **own)
  flags.DEFINE_integer("num_train", 5000, "training images.", **some, **own)
  flags.DEFINE_integer("num_examples", 1000, "test images.", **some, **own)
  flags.DEFINE_integer("seed", 0, "seed of all randomness.", **own)
  flags.DEFINE_string("out", "runs/universal", "output folder.", **own)
  imports.define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
