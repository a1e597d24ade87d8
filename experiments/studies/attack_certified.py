"""Attacks on certified images inside their own radii, where none may succeed.

  python -m experiments.studies.attack_certified \\
    --workdir=runs/mnist_smoothing --certified=runs/smoothing \\
    --num_steps=20 --restarts=20

`--certified` is the folder that `evaluate --certify` wrote. PGD on the margin
attacks each image that has a radius, within `--scale` times it; where the
certificate is one of randomized smoothing, in expectation over its noise. Then
the certificate is asked about the adversarial image. "held": it certifies the
label again. "broken": it certifies another class, so that one of the two
certificates is wrong. "open": neither. At a larger `--scale` it is seen that
the attack is able to break anything. Prints the three numbers and writes
`attack_certified.json` and, to continue from, `attack_certified.npz`.
"""

import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags
from ml_collections import ConfigDict

from experiments import build
from experiments.build import imports, sections
from experiments.by_batches import by_batches
from experiments.cli import output
from experiments.cli.parse_flags import parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import run_command
from experiments.examples import Examples, first_examples
from experiments.load_run import load_run
from robust_jax import attacks, fingerprint, losses, parallel, precision, search
from robust_jax.attacks.lp_ball import ball
from robust_jax.bounded_jit import call
from robust_jax.files import read_json, write_json
from robust_jax.models.as_pytree import as_pytree
from robust_jax.search.expectation_over_transformation import (
  expectation_over_transformation,
)
from robust_jax.types import Array, Certificate, Key, Model, Norm

_FIELDS = ("norm", "radius_of_each", "config")
_REMEDY = "Run `evaluate --certify` first, and name its folder."


class Strength(NamedTuple):
  """Strength of the attack: steps and restarts of PGD, draws of the noise."""

  num_steps: int
  restarts: int
  num_draws: int


class Verdicts(NamedTuple):
  """bool `[N]`: whether the label is certified again, or another class is."""

  held: np.ndarray
  broken: np.ndarray


@precision.evaluation()
def main(arguments: Sequence[str] | None = None) -> int:
  """Prints the verdicts and writes the report."""
  options = parse_options(_flags(), arguments, __doc__)
  folder = pathlib.Path(options.certified)
  path = pathlib.Path(options.out or folder)
  report = read_json(folder / "certified.json", _REMEDY, _FIELDS)
  imports.refuse_imports(
    report["config"], options.allow_imports, folder / "certified.json"
  )
  config = ConfigDict(report["config"])
  section = config.evaluation.certificate
  radii = np.array(report["radius_of_each"])
  attacked = np.flatnonzero(radii > 0)[: options.num_examples]
  examples = first_examples(build.dataset(config, "test"), len(radii))
  run = load_run(pathlib.Path(options.workdir), "best", options.allow_imports)
  strength = Strength(options.num_steps, options.restarts, options.num_draws)
  with output.locked(path, "--out"):
    verdicts, seconds = attack_certified(
      run.classifier(),
      sections.build("certificate", _with_votes(section, options.votes)),
      section.get("sigma", 0.0),
      Examples(examples.x[attacked], examples.y[attacked]),
      options.scale * radii[attacked],
      strength,
      options.batch_size,
      path / "attack_certified.npz",
    )
  open_ = ~verdicts.held & ~verdicts.broken
  result = {
    "attacked": len(attacked),
    "held": int(verdicts.held.sum()),
    "open": int(open_.sum()),
    "broken": int(verdicts.broken.sum()),
    "open_images": attacked[open_].tolist(),
    "broken_images": attacked[verdicts.broken].tolist(),
  }
  print(
    f"{report['norm']}, {options.scale:g} x the radius of each image: "
    + ", ".join(f"{n} {result[n]}" for n in list(result)[:4])
  )
  write_json(
    path / "attack_certified.json",
    result
    | strength._asdict()
    | {"scale": options.scale, "seconds": round(seconds, 1)}
    | machine(),
  )
  return 0


def _with_votes(
  section: Mapping[str, Any], votes: int | None
) -> dict[str, Any]:
  """The certificate with so many votes, if it has votes."""
  return dict(section) | ({"n": votes} if votes and "n" in section else {})


def attack_certified(
  model: Model,
  certificate: Certificate,
  sigma: float,
  examples: Examples,
  radii: np.ndarray,
  strength: Strength,
  batch_size: int,
  save_to: pathlib.Path,
) -> tuple[Verdicts, float]:
  """Attacks each image within a radius of its own, and asks the certificate.

  Args:
    model: a frozen classifier.
    certificate: to be asked about the adversarial images.
    sigma: of the Gaussian noise in expectation over which it is attacked; 0 if
      the certificate is one of the model itself.
    examples: images `[N, ...]` and labels `[N]`, which are certified.
    radii: float `[N]`.
    strength: of the attack.
    batch_size: images of a compiled program.
    save_to: `.npz` file from which an interrupted call continues.

  Returns:
    The verdicts, and the seconds that it took.
  """
  x, labels = examples
  num_classes = jax.eval_shape(model, x[:1]).shape[1]
  run_attack = _attack(certificate.norm, float(sigma), strength)
  replicated = parallel.replicate(as_pytree(model))

  def compute(i: int, rows: np.ndarray) -> dict[str, np.ndarray]:
    key_attack, key = jax.random.split(jax.random.fold_in(jax.random.key(0), i))
    batch = parallel.spread((x[rows], labels[rows], radii[rows]))
    x_adv = call(run_attack, key_attack, replicated, *batch)
    certifies = lambda classes: (
      certificate.radii(key, replicated, x_adv, classes) >= 0
    )
    held, broken = certifies(labels[rows]), np.zeros(len(rows), bool)
    for other in range(1, 1 if held.all() else num_classes):
      broken |= ~held & certifies((labels[rows] + other) % num_classes)
    return {"held": held, "broken": broken}

  question = {
    "images": fingerprint.of_arrays(examples),
    "radii": fingerprint.of_arrays(radii),
    "model": fingerprint.of_function(model, x[:1]),
    "attack": str((certificate.norm, float(sigma), *strength)),
    "precision": precision.matmul_precision(),
  }
  found, seconds = by_batches(
    "attacking", compute, len(x), min(batch_size, len(x)), save_to, question
  )
  return Verdicts(**found), seconds


@functools.cache
def _attack(
  norm: Norm, sigma: float, strength: Strength
) -> Callable[[Key, Model, Array, Array, Array], Array]:
  """`(key, model, x, labels, radii) -> x_adv`, one for the same options."""
  ascend: Any = search.pgd
  if sigma:
    noisy = lambda key, x: x + sigma * jax.random.normal(key, x.shape)
    ascend = expectation_over_transformation(ascend, noisy, strength.num_draws)

  def attack(
    key: Key, model: Model, x: Array, labels: Array, radii: Array
  ) -> Array:
    return attacks.compose(
      ascend,
      ball(norm, radii),
      losses.margin,
      num_steps=strength.num_steps,
      restarts=strength.restarts,
      # The best of many points is one of lucky draws.
      keep="last" if sigma else "best",
    )(key, model, x, labels)

  return attack


def _flags():
  values = flags.FlagValues()
  own = {"flag_values": values}
  count = {"lower_bound": 1, **own}
  flags.DEFINE_string("workdir", None, "a trained run.", required=True, **own)
  flags.DEFINE_string(
    "certified", None, "folder of certified.json.", required=True, **own
  )
  flags.DEFINE_string("out", None, "where results go; --certified.", **own)
  flags.DEFINE_float("scale", 1.0, "of each radius.", lower_bound=0.0, **own)
  flags.DEFINE_integer("num_examples", None, "certified images.", **count)
  flags.DEFINE_integer("num_steps", 50, "of PGD.", **count)
  flags.DEFINE_integer("restarts", 10, "of PGD.", **count)
  flags.DEFINE_integer("num_draws", 8, "of the noise, per step.", **count)
  flags.DEFINE_integer("votes", 1000, "that the certificate asks for.", **count)
  flags.DEFINE_integer("batch_size", 128, "of the programs.", **count)
  imports.define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
