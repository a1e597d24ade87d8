"""Adversarial examples under changes of view: PGD beside PGD with EOT.

Compares targeted PGD with targeted PGD on the expectation over random views (a
rotation, a scale, a blur, a change of light, 8 bits per pixel), at the same
radius and number of steps and from the same start. Both are evaluated on new
random views.

Command, after training a model as experiments/configs/standard/mnist.py says:
  python -m experiments.studies.physical --workdir=runs/mnist_2epochs \\
    --first_example=5000
"""

import pathlib
import time
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import rich.table
from absl import flags

from experiments.build import imports
from experiments.cli import output
from experiments.cli.parse_flags import parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import run_command
from experiments.examples import read_examples
from experiments.load_run import load_run
from robust_jax import attacks, losses, perturbations, precision, search
from robust_jax.files import write_json
from robust_jax.plotting.style import (
  CORRECT,
  HIGHLIGHT,
  PALETTE,
  new_figure,
  save_figure,
  show_image,
)
from robust_jax.plotting.tables import print_table
from robust_jax.search.combine import restarts
from robust_jax.search.expectation_over_transformation import (
  expectation_over_transformation,
)
from robust_jax.types import Array, Attack, Key, Model

_NUM_SHOWN = 2
_NUM_VIEWS_SHOWN = 8


def views(
  key: Key,
  x: Array,
  *,
  degrees: float = 40.0,
  zoom: float = 0.4,
  blur: float = 1.5,
  light: float = 0.3,
) -> Array:
  """Draws a random view of each image `[B, H, W, C]`, differentiable in x.

  Args:
    key: consumed.
    x: images in [0, 1].
    degrees: the largest rotation, in either direction.
    zoom: the scale is 1 - zoom to 1 + zoom.
    blur: the largest standard deviation of the Gaussian blur, in pixels.
    light: contrast is 1 - light to 1 + light, brightness -light/2 to light/2.
  """
  keys = jax.random.split(key, 4)

  def uniform(i, low, high):
    shape = (x.shape[0], 1, 1, 1)
    return jax.random.uniform(keys[i], shape, jnp.float32, low, high)

  turn = perturbations.affine(degrees, 0.0, scale=zoom)
  x = turn.apply(x, turn.sample(keys[0], x))
  x = _blurred(x, uniform(1, 0.0, blur))
  x = uniform(2, 1 - light, 1 + light) * x + uniform(3, -light / 2, light / 2)
  return _quantized(jnp.clip(x, 0.0, 1.0))


def _blurred(x, sigma, reach=3):
  """Blurs by a Gaussian of `2 reach + 1` taps, along rows and columns."""
  offsets = range(-reach, reach + 1)
  taps = [jnp.exp(-0.5 * (i / jnp.maximum(sigma, 1e-3)) ** 2) for i in offsets]
  total = sum(taps)
  for axis in (1, 2):
    size, pads = x.shape[axis], [(0, 0)] * 4
    pads[axis] = (reach, reach)
    padded = jnp.pad(x, pads)
    x = sum(
      tap / total * jax.lax.slice_in_dim(padded, i, i + size, axis=axis)
      for i, tap in enumerate(taps)
    )
  return x


def _quantized(x):
  """Rounds to 8 bits; the gradient is that of the identity."""
  return x + jax.lax.stop_gradient(jnp.round(255 * x) / 255 - x)


def make_attacks(
  eps: float, num_steps: int, num_samples: int
) -> dict[str, Attack]:
  """Makes targeted PGD on the image, and on the expectation over views."""
  expected = losses.targeted(losses.cross_entropy)
  searches = {
    "PGD": search.pgd,
    "PGD, as many passes": restarts(search.pgd, num_samples),
    "EOT": expectation_over_transformation(search.pgd, views, num_samples),
  }
  return {
    name: attacks.compose(
      find,
      perturbations.linf(eps),
      expected,
      num_steps=num_steps,
      step_size=0.05,
      momentum=0.9,
      keep="last",
    )
    for name, find in searches.items()
  }


def predictions_on_views(
  key: Key, logits_fn: Model, x: Array, num_draws: int
) -> Array:
  """Returns predictions on random views of each image, `[num_draws, B]`."""

  def of_draw(key):
    return logits_fn(views(key, x)).argmax(axis=-1)

  return jax.lax.map(of_draw, jax.random.split(key, num_draws))


@precision.evaluation()
def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns the exit status."""
  options = parse_options(_flags(), arguments, __doc__)
  out = pathlib.Path(options.out)
  output.writable(out, "--out")
  key_target, key_attack, key_views = jax.random.split(
    jax.random.key(options.seed), 3
  )
  logits_fn, x, labels = _images(options)
  shift = jax.random.randint(key_target, labels.shape, 1, 10)
  target = (labels + shift) % 10

  predict = jax.jit(predictions_on_views, static_argnums=3)
  images, rows = {"original": x}, {}
  seconds = {}
  made = make_attacks(options.eps, options.num_steps, options.num_samples)
  for name, attack in made.items():
    started = time.monotonic()
    x_adv = attack(key_attack, logits_fn, x, target)
    images[name] = x_adv.block_until_ready()
    seconds[name] = round(time.monotonic() - started, 1)
  for name, shown in images.items():
    predicted = predict(key_views, logits_fn, shown, options.num_draws)
    hits = (predicted == target).mean(axis=0)
    rows[name] = {
      "unchanged: target": _fraction(
        logits_fn(shown).argmax(axis=-1) == target
      ),
      "views: target": _fraction(hits),
      "views: misclassified": _fraction(predicted != labels),
      "images with the target in 90 % of views": _fraction(hits >= 0.9),
    }
  table = rich.table.Table("", *rows, title=f"{len(x)} images")
  for name in rows["original"]:
    table.add_row(name, *(f"{100 * row[name]:.1f} %" for row in rows.values()))
  print_table(table)
  given = options.flag_values_dict()
  result = {"rows": rows, "seconds": seconds, "options": given} | machine()
  write_json(out / "physical.json", result)
  drawn = {name: images[name] for name in ("original", "PGD", "EOT")}
  _draw(out / "physical.png", logits_fn, drawn, labels, target, key_views)
  return 0


def _fraction(mask) -> float:
  return float(jnp.mean(mask.astype(jnp.float32)))


def _images(options):
  """Returns the model, and the first test images that it classifies right."""
  run = load_run(pathlib.Path(options.workdir), "best", options.allow_imports)
  model, dataset = run.classifier(), run.dataset("test")
  first, num_examples = options.first_example, options.num_examples
  indices = np.arange(first, min(first + 2 * num_examples, len(dataset)))
  x, labels = map(jnp.asarray, read_examples(dataset, indices))
  correct = model(x).argmax(axis=-1) == labels
  rows = jnp.flatnonzero(correct)[:num_examples]
  return model, x[rows], labels[rows]


def _draw(path, logits_fn, images, labels, target, key):
  """Draws the first images, unchanged and in views, with predictions."""
  num_rows = _NUM_SHOWN * len(images)
  figure = new_figure(1.05 * (1 + _NUM_VIEWS_SHOWN) + 2, 1.25 * num_rows)
  axes = figure.subplots(num_rows, 1 + _NUM_VIEWS_SHOWN)
  for j, (name, shown) in enumerate(images.items()):
    seen = [shown[:_NUM_SHOWN]]
    seen += [views(k, seen[0]) for k in jax.random.split(key, _NUM_VIEWS_SHOWN)]
    for column, x in enumerate(seen):
      predicted = logits_fn(x).argmax(axis=-1)
      for i in range(_NUM_SHOWN):
        axis = axes[i * len(images) + j, column]
        show_image(axis, x[i])
        _caption(axis, int(predicted[i]), int(labels[i]), int(target[i]))
        if column == 0:
          axis.set_ylabel(
            f"{name}\n(a {labels[i]}, expected {target[i]})" if j else name,
            rotation=0,
            ha="right",
            va="center",
            fontsize=8,
          )
  figure.suptitle("left: unchanged; then random views, the same in each row")
  save_figure(figure, path)


def _caption(axis, predicted, label, target):
  mark, color = "other", PALETTE[4]
  if predicted == label:
    mark, color = "correct", CORRECT
  elif predicted == target:
    mark, color = "target", HIGHLIGHT
  axis.set_title(f"{predicted} {mark}", fontsize=7, color=color, pad=2)


def _flags():
  values = flags.FlagValues()
  own, some = {"flag_values": values}, {"lower_bound": 1}
  flags.DEFINE_string("workdir", None, "a trained run.", required=True, **own)
  flags.DEFINE_float("eps", 0.4, "radius of the Linf ball.", **own)
  flags.DEFINE_integer("num_steps", 100, "steps of PGD.", **some, **own)
  flags.DEFINE_integer("num_samples", 8, "views in each step.", **some, **own)
  flags.DEFINE_integer("num_draws", 100, "views to evaluate on.", **some, **own)
  flags.DEFINE_integer(
    "num_examples", 200, "number of test images.", **some, **own
  )
  flags.DEFINE_integer(
    "first_example", 0, "index of the first test image.", lower_bound=0, **own
  )
  flags.DEFINE_integer("seed", 0, "seed of all randomness.", **own)
  flags.DEFINE_string("out", "runs/physical", "output folder.", **own)
  imports.define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
