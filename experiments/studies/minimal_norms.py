"""Median smallest perturbations of a classifier, by every minimal-norm attack.

  python -m experiments.studies.minimal_norms --workdir=runs/mnist_standard \\
    --weights=mnist_convex_eps0.1.npz --num_examples=200 --out=runs/minimal

Prints a table, and writes `minimal_norms.json`, the distances of all images in
`minimal_norms.npz`, and for each norm a picture of accuracy against the radius.
"""

import pathlib
import time
from collections.abc import Sequence
from typing import get_args

import jax
import numpy as np
from absl import flags

from experiments.build import imports
from experiments.cli import output
from experiments.cli.parse_flags import parse_options
from experiments.cli.provenance import machine
from experiments.cli.run_command import run_command
from experiments.cli.run_flags import define_several
from experiments.examples import first_examples
from experiments.from_weights import from_weights
from experiments.load_run import load_run
from robust_jax import attacks, losses, perturbations, precision, search
from robust_jax.evaluators.minimal_eps import minimal_eps
from robust_jax.files import write_json
from robust_jax.perturbations import pixels
from robust_jax.plotting.accuracy_curve import draw_accuracy_curves
from robust_jax.types import Attack, Norm


def _bisected(set_, norm: Norm, largest: float) -> Attack:
  objective = losses.prioritize_misclassified(losses.cross_entropy)
  return attacks.bisect_eps(
    lambda eps: attacks.compose(search.pgd, set_(eps), objective),
    norm,
    largest=largest,
  )


def _attacks() -> dict[Norm, dict[str, Attack]]:
  """Returns norm -> name -> attack, of about 1,000 steps if it has rounds."""
  return {
    "l2": {
      "deepfool": attacks.deepfool("l2"),
      "fmn": attacks.fmn("l2"),
      "fmn, one start at x": attacks.fmn("l2", restarts=1),
      "carlini_wagner_l2": attacks.carlini_wagner_l2(
        num_steps=150, num_rounds=7
      ),
      "lbfgs": attacks.lbfgs(num_targets=3),
      "pgd, bisected": _bisected(perturbations.l2, "l2", 8.0),
    },
    "linf": {
      "deepfool": attacks.deepfool("linf"),
      "fmn": attacks.fmn("linf"),
      "fmn, one start at x": attacks.fmn("linf", restarts=1),
      "carlini_wagner_linf": attacks.carlini_wagner_linf(num_steps=100),
      "pgd, bisected": _bisected(perturbations.linf, "linf", 1.0),
    },
    "l1": {
      "fmn": attacks.fmn("l1"),
      "fmn, one start at x": attacks.fmn("l1", restarts=1),
      "ead": attacks.ead(num_steps=150, num_rounds=7),
    },
    "l0": {
      "fmn": attacks.fmn("l0"),
      "fmn, one start at x": attacks.fmn("l0", restarts=1),
      "sigma_zero": attacks.sigma_zero(),
    },
  }


def _unit(norm: Norm, x: np.ndarray) -> str:
  return pixels.unit_name(x.shape, None) if norm == "l0" else "input units"


@precision.evaluation()
def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns the exit status."""
  options = parse_options(_flags(), arguments, __doc__)
  path = pathlib.Path(options.out)
  output.writable(path, "--out")
  workdir = pathlib.Path(options.workdir)
  run = load_run(workdir, "best", options.allow_imports)
  models = {"trained": run.classifier()}
  if options.weights is not None:
    models["weights"] = from_weights(run.config, options.weights)
  x, labels = first_examples(run.dataset("test"), options.num_examples)
  distances, summary = {}, []
  for norm in options.norms:
    for name, attack in _attacks()[norm].items():
      measure = jax.jit(minimal_eps({name: attack}, norm))
      for model, logits_fn in models.items():
        started = time.monotonic()
        found = measure(jax.random.key(0), logits_fn, x, labels)
        found = np.asarray(found["nearest"])
        distances[f"{model}/{norm}/{name}"] = found
        row = {
          "norm": norm,
          "unit": _unit(norm, x),
          "attack": name,
          "model": model,
          "median": float(np.median(found)),
          "fraction_found": float(np.isfinite(found).mean()),
          "seconds": round(time.monotonic() - started, 1),
        }
        summary.append(row)
        print(*row.values(), sep="\t", flush=True)
  write_json(path / "minimal_norms.json", {"rows": summary} | machine())
  np.savez(path / "minimal_norms.npz", **distances)  # type: ignore[arg-type]
  for norm in options.norms:
    for model in models:
      curves = {
        key.split("/")[2]: found
        for key, found in distances.items()
        if key.startswith(f"{model}/{norm}/")
      }
      draw_accuracy_curves(path / f"{model}_{norm}.png", curves, norm)
  return 0


def _flags():
  values = flags.FlagValues()
  own = {"flag_values": values}
  flags.DEFINE_string("workdir", None, "a trained run.", required=True, **own)
  flags.DEFINE_string(
    "weights",
    None,
    "PyTorch-layout tensors of another model of the same architecture.",
    **own,
  )
  flags.DEFINE_integer(
    "num_examples", 200, "number of test images.", lower_bound=1, **own
  )
  norms = get_args(Norm)
  define_several(values, "norms", norms, flags.EnumParser(norms), "norms.")
  flags.DEFINE_string("out", "runs/minimal", "output folder.", **own)
  imports.define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
