"""Attacks on detectors side by side: precision, objects lost, what appears.

  python -m experiments.studies.detector_attacks \\
      --models plain=runs/hard_hats_plain robust=runs/hard_hats_adversarial

Attacks each run at its best checkpoint, on the first test images: TOG (Chow et
al. 2020) untargeted, vanishing, fabricating and mislabeling as the most and the
least likely class; one universal perturbation and one patch at random places,
both learned from training images to hide objects. Beside them stand two changes
that cost an adversary nothing, random noise of the radius of TOG and a patch of
noise at the same places.

For each it reports AP and AP50; the risk, which is the percentage of the
objects found without a change that are lost; and, per image, the detections at
the operating point that vanish, are mislabeled and are fabricated
(`statistics.detection.changed_detections`). The operating point is the
threshold of best F1 on the images without a change; TOG takes detections from
there on for objects. Intervals are of 95 %, over images.

Results that exist are not computed again and interrupted ones continue: the
same command with more models or attacks adds to the table. It writes to OUT
after every attack `detector_attacks.md`, `.json` and `.csv`, and for each model
in `OUT/NAME` the pictures `attacked.png` and `patch.png`.
"""

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from absl import flags

from experiments.build import imports
from experiments.cli.output import locked
from experiments.cli.parse_flags import parse_options
from experiments.cli.run_command import run_command
from experiments.cli.run_flags import (
  define_models,
  define_several,
  named_sources,
)
from experiments.detectors.attacked_detector import (
  AttackedDetector,
  open_detector,
)
from experiments.detectors.changes import (
  MISLABELING,
  NAMES,
  PATCH,
  detector_changes,
)
from experiments.detectors.table import Row, write_tables
from experiments.load_run import load_run
from robust_jax import precision

_STEM = "detector_attacks"


@precision.evaluation()
def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the command; returns the exit status.

  Raises:
    ValueError: a model is not a run of a detector, or finds no object, an
      option is out of range, or OUT holds results of another question.
  """
  options = parse_options(_flags(), arguments, __doc__)
  out = pathlib.Path(options.out)
  rows: list[Row] = []
  with locked(out, "--out"):
    for name, workdir in named_sources(options.models).items():
      detector = _open(name, pathlib.Path(workdir), out / name, options)
      for measured in _measured(detector, options):
        rows.append({"model": name, **measured})
        write_tables(out / _STEM, rows, options.flag_values_dict())
  print((out / f"{_STEM}.md").read_text(encoding="utf-8"))
  print(f"In {out}: {_STEM}.md, .json, .csv, and pictures of each model.")
  return 0


def _open(name, workdir, folder, options) -> AttackedDetector:
  run = load_run(workdir, "best", options.allow_imports)
  detector = open_detector(
    name,
    run,
    folder,
    num_train=options.num_train,
    num_examples=options.num_examples,
    seed=options.seed,
  )
  wanted = [one for one in MISLABELING if one in options.attacks]
  if wanted and detector.num_classes < 2:
    others = [one for one in options.attacks if one not in MISLABELING]
    raise ValueError(
      f"'{name}' has one class, and {wanted[0]} takes two: expected "
      f"--attacks={','.join(others)}."
    )
  return detector


def _measured(detector: AttackedDetector, options) -> Iterator[dict[str, Any]]:
  """Yields what is measured under each attack, as soon as it is known."""
  clean = detector.clean
  changes = detector_changes(
    clean.point.threshold,
    eps=options.eps,
    num_steps=options.num_steps,
    diameter=options.diameter,
    num_epochs=options.num_epochs,
    batch_size=min(detector.batch_size, detector.num_train),
    num_train=detector.num_train,
  )
  facts = {"images": len(clean.truth), "threshold": clean.point.threshold}
  yield {"attack": "none"} | facts | clean.precision()
  changes = {name: changes[name] for name in options.attacks}
  for name, change in changes.items():
    found, seconds = detector.detections(name, change)
    yield {"attack": name} | facts | clean.under(found) | {"seconds": seconds}
  detector.draw(changes)
  if PATCH in changes:
    detector.draw_patch(PATCH, changes[PATCH])


def _flags():
  values = flags.FlagValues()
  own: dict[str, Any] = {"flag_values": values}
  some: dict[str, Any] = {"lower_bound": 1}
  define_models(values)
  one = flags.EnumParser(NAMES)
  define_several(values, "attacks", NAMES, one, "in this order.")
  flags.DEFINE_float(
    "eps", 8 / 255, "radius of the Linf ball.", lower_bound=0.0, **own
  )
  flags.DEFINE_integer("num_steps", 10, "steps of TOG.", **some, **own)
  flags.DEFINE_float(
    "diameter",
    0.25,
    "diameter of a patch, as a fraction of the shorter side.",
    **own,
  )
  flags.DEFINE_integer(
    "num_train", 256, "training images that are learned from.", **some, **own
  )
  flags.DEFINE_integer(
    "num_epochs", 10, "passes over the training images.", **some, **own
  )
  flags.DEFINE_integer(
    "num_examples", None, "test images attacked; all if absent.", **some, **own
  )
  flags.DEFINE_integer("seed", 0, "seed of all randomness.", **own)
  flags.DEFINE_string("out", "runs/detector_attacks", "output folder.", **own)
  imports.define_flag(values)
  return values


if __name__ == "__main__":
  raise SystemExit(run_command(main))
