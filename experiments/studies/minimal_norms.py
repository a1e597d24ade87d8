"""Median smallest perturbations of a classifier, by every minimal-norm attack.

  python -m experiments.studies.minimal_norms --run=runs/mnist_standard \\
    --weights=mnist_convex_eps0.1.npz --num_examples=200 --output=runs/minimal

Prints a table and writes `minimal_norms.json`, the distances as
`minimal_norms.npz` and a picture of accuracy against the radius per norm.
"""

import pathlib
import sys
import time
from collections.abc import Sequence

import jax
import numpy as np
from absl import flags

from experiments import runs
from experiments.build import imports
from experiments.cli import output
from experiments.cli.parse_flags import parse_flags
from experiments.cli.provenance import machine
from experiments.cli.run_command import run_command
from experiments.examples import first_examples
from experiments.load_run import load_run
from robust_jax import attacks, losses, perturbations, precision, search
from robust_jax.evaluators.minimal_eps import minimal_eps
from robust_jax.files import write_json
from robust_jax.perturbations import pixels
from robust_jax.plotting.accuracy_curve import draw_accuracy_curves
from robust_jax.types import Attack, Norm

_RUN = flags.DEFINE_string("run", None, "work directory of a trained run.")
_WEIGHTS = flags.DEFINE_string(
  "weights", None, "PyTorch-layout tensors for the same model, too."
)
_NUM_EXAMPLES = flags.DEFINE_integer("num_examples", 200, "of the test images.")
_NORMS = flags.DEFINE_list(
  "norms", ["l2", "linf", "l1", "l0"], "which of l0, l1, l2 and linf."
)
_ALLOW_IMPORTS = flags.DEFINE_list(imports.FLAG, [], imports.HELP)
_OUTPUT = flags.DEFINE_string("output", "runs/minimal", "where results go.")


def _bisected(set_, norm: Norm, largest: float) -> Attack:
  objective = losses.prioritize_misclassified(losses.cross_entropy)
  return attacks.bisect_eps(
    lambda eps: attacks.compose(search.pgd, set_(eps), objective),
    norm,
    largest=largest,
  )


def _attacks() -> dict[Norm, dict[str, Attack]]:
  """norm -> name -> attack; where there are rounds, of some 1,000 steps."""
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
  return pixels.unit(x.shape, None) if norm == "l0" else "input units"


@precision.evaluation()
def main(_: Sequence[str]) -> None:
  path = pathlib.Path(_OUTPUT.value)
  output.writable(path, "--output")
  run = load_run(pathlib.Path(_RUN.value), "best", _ALLOW_IMPORTS.value)
  models = {"trained": run.classifier()}
  if _WEIGHTS.value is not None:
    models["weights"] = runs.from_weights(run.config, _WEIGHTS.value, path)
  x, labels = first_examples(run.dataset("test"), _NUM_EXAMPLES.value)
  distances, summary = {}, []
  for norm in _NORMS.value:
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
  np.savez(path / "minimal_norms.npz", **distances)
  for norm in _NORMS.value:
    for model in models:
      curves = {
        key.split("/")[2]: found
        for key, found in distances.items()
        if key.startswith(f"{model}/{norm}/")
      }
      draw_accuracy_curves(path / f"{model}_{norm}.png", curves, norm)


if __name__ == "__main__":
  flags.mark_flag_as_required("run")
  raise SystemExit(run_command(lambda: main(parse_flags(sys.argv))))
