"""Images per second of changes of 320 pixels, alone and with their boxes.

    python -m tests.benchmarks.bench_detection_changes [--families blur,digital]

Images are smooth and random, with 30 random boxes each. A batch is transformed
as a comparison does it, on the host's arrays; the mean is over levels 1, 3 and
5, each the least of three runs. The last rows are the fifteen of ImageNet-C
together, in images that all fifteen change per second, and all changes.
"""

import argparse
import functools

import jax
import numpy as np

from robust_jax import lookup
from robust_jax.boxes import Annotations
from robust_jax.comparison.data_kinds import Images
from robust_jax.comparison.move_boxes import move_annotations
from robust_jax.comparison.transformation import Transformation
from robust_jax.corruptions import suites
from tests.benchmarks.bench_corruptions import images
from tests.benchmarks.clock import least_seconds

SIDE, BATCH, BOXES = 320, 32, 30
LEVELS = (1, 3, 5)
FAMILIES = ("noise", "blur", "weather", "digital", "geometry", "photometric")


def objects(seed: int) -> Annotations:
  rng = np.random.default_rng(seed)
  low = rng.uniform(0, SIDE - 40, (BOXES, 2))
  boxes = np.hstack([low, low + rng.uniform(8, 40, (BOXES, 2))])
  nothing = np.zeros(BOXES, bool)
  return Annotations(boxes.astype(np.float32), nothing.astype(int), nothing)


def milliseconds(transformation: Transformation) -> np.ndarray:
  """Per image: alone, and with boxes."""
  x = np.asarray(255 * images(SIDE, BATCH)).astype(np.uint8)
  annotations = [objects(i) for i in range(BATCH)]
  numbers = np.arange(BATCH, dtype=np.uint32)
  total = np.zeros(2)
  for level in LEVELS:
    alone = functools.partial(
      Images().transform, transformation, x, numbers, level, 0, BATCH
    )
    boxes = functools.partial(
      move_annotations,
      transformation,
      annotations,
      x.shape[1:],
      numbers,
      level,
      0,
      BATCH,
    )
    both = lambda: (alone(), boxes())  # noqa: B023
    seconds = least_seconds({"alone": alone, "both": both}, repeats=3)
    total += [seconds["alone"], seconds["both"]]
  return 1e3 * total / len(LEVELS) / BATCH


def print_row(name: str, row: np.ndarray) -> None:
  alone, both = row
  print(
    f"| {name} | {1e3 / alone:.3g} | {1e3 / both:.3g} | {alone:.2f} | "
    f"{both:.2f} |",
    flush=True,
  )


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--families", default=",".join(FAMILIES))
  names = parser.parse_args().families.split(",")
  print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}")
  print(f"{SIDE} x {SIDE} pixels, batches of {BATCH}, {BOXES} boxes each\n")
  print("| change | images/s | with boxes | ms/image | with boxes |")
  print("|---|---|---|---|---|")
  rows = {}
  for name in names:
    family = lookup.find("comparison.families", name)([(SIDE, SIDE, 3)])
    for one in family.transformations:
      rows[one.name] = milliseconds(one)
      print_row(f"`{one.name}`", rows[one.name])
  if rows.keys() >= set(suites.IMAGENET_C):
    fifteen = sum(rows[name] for name in suites.IMAGENET_C)
    print_row("all fifteen of ImageNet-C", fifteen)
  print_row("all of these", sum(rows.values()))


if __name__ == "__main__":
  main()
