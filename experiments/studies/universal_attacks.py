"""One change for all images: what it does to images it was not learned from.

  python -m experiments.studies.universal_attacks \\
    --models standard=runs/mnist Linf=runs/mnist_pgd

For each model learns, from training images, one perturbation in the Linf ball
and one round patch that may lie anywhere, and puts them on test images: beside
a random perturbation of the same size and a patch of noise, which cost the
adversary nothing. A second patch is learned to make every image one class.
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
  """What was done to the test images, and what the model answers.

  Attributes:
    images: name -> `[N, H, W, C]`.
    answers: name -> `[N]`.
  """

  images: dict[str, Array]
  answers: dict[str, Array]


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
    rows[name] = _fractions(found[name].answers, labels, options.target)
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
  """Images x `[N, H, W, C]` in [0, 1] under changes learned from others."""
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
  answer = jax.jit(lambda x: logits_fn(x).argmax(axis=-1))
  return Found(images, {name: answer(x) for name, x in images.items()})


def _fractions(
  answers: dict[str, Array], labels: np.ndarray, target: int
) -> dict[str, float]:
  """Accuracies, and how many of the other classes answer the target."""
  fractions = {name: float((a == labels).mean()) for name, a in answers.items()}
  for name in ("patch of noise", _AIMED):
    hit = (answers[name] == target)[labels != target]
    fractions[f"{name}, answered {target}"] = float(hit.mean())
  return fractions


def _draw(path: pathlib.Path, found: dict[str, Found]) -> None:
  """The first images of each model under each change, with its answers."""
  names = list(next(iter(found.values())).images)
  figure = new_figure(1.1 * _NUM_SHOWN + 2, 1.25 * len(names) * len(found))
  axes = figure.subplots(len(names) * len(found), _NUM_SHOWN)
  rows = [(model, name) for model in found for name in names]
  for row, (model, name) in zip(axes, rows, strict=True):
    images, answers = found[model].images[name], found[model].answers[name]
    for axis, x, said in zip(row, images, answers, strict=False):
      show_image(axis, x)
      axis.set_title(str(said), fontsize=8, pad=2)
    row[0].set_ylabel(
      f"{model}\n{name}", rotation=0, ha="right", va="center", fontsize=8
    )
  figure.suptitle("above each image, what the model answers", fontsize=9)
  save_figure(figure, path)


def _flags() -> flags.FlagValues:
  values = flags.FlagValues()
  own: dict[str, Any] = {"flag_values": values}
  some: dict[str, Any] = {"lower_bound": 1}
  define_models(values)
  flags.DEFINE_float("eps", 0.3, "radius of the Linf ball.", **own)
  flags.DEFINE_float("diameter", 0.4, "of the patch, of the side.", **own)
  flags.DEFINE_integer("target", 3, "class that a patch is aimed at.", **own)
  flags.DEFINE_integer("num_train", 5000, "to learn from.", **some, **own)
  flags.DEFINE_integer("num_examples", 1000, "test images.", **some, **own)
  flags.DEFINE_integer("seed", 0, "of all that is random.", **own)
  flags.DEFINE_string("out", "runs/universal", "where results go.", **own)
  imports.define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
