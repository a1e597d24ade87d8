"""Average precision beside pycocotools', and 1,000 draws of the bootstrap.

    python -m tests.benchmarks.bench_average_precision

Images have about 6 objects and 100 detections. Both match at ten IoUs and in
four ranges of sizes, and pycocotools for three numbers of detections. Times are
those of the processor.
"""

import contextlib
import io
import time

import numpy as np

from robust_jax.statistics.detection.average_precision import draw_precision
from robust_jax.statistics.detection.match import SIZES, match
from robust_jax.statistics.detection.ranking import measures, rank
from tests.benchmarks.clock import least_seconds, report
from tests.unit.detection_scenes import NUM_CLASSES, pycocotools, scene

NUM_IMAGES = 279


def main() -> None:
  images = [
    scene(i, num_objects=6, num_false=90, crowds=0, ties=False)
    for i in range(NUM_IMAGES)
  ]
  evaluation = pycocotools(images)
  matches = [match(*pair) for pair in images]
  ranking = rank(matches, NUM_CLASSES)
  theirs = 100 * evaluation.stats[[0, 3, 4, 5]]
  ours = [measures(ranking, size=size)[0, 0, 0] for size in SIZES]
  print(f"AP {ours[0]:.6f}, {np.abs(ours - theirs).max():.1e} from pycocotools")

  def evaluate():
    with contextlib.redirect_stdout(io.StringIO()):
      evaluation.evaluate()
      evaluation.accumulate()

  programs = {
    "pycocotools, matching and AP": evaluate,
    "ours, matching": lambda: [match(*pair) for pair in images],
    "ours, AP of all sizes": lambda: [
      measures(rank(matches, NUM_CLASSES), size=size) for size in SIZES
    ],
    "ours, 1,000 draws and the jackknife": lambda: draw_precision(ranking),
  }
  seconds = least_seconds(programs, 3, time.process_time)
  report(seconds, "pycocotools, matching and AP")
  for name in ("pycocotools, matching and AP", "ours, matching"):
    print(f"{name}: {NUM_IMAGES / seconds[name]:.0f} images/s")


if __name__ == "__main__":
  main()
