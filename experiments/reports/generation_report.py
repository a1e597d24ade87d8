"""Report of a GAN: its samples beside real examples, and two real samples.

Statistics of features have no unit, and some a bias that depends on their
number. Beside each stands the floor: the same statistic of training examples,
which are as good as samples can be.
"""

import dataclasses
import itertools
import math
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from experiments.build.imports import named_modules
from experiments.cli.provenance import provenance
from experiments.feature_extractor import FeatureExtractor, feature_extractor
from experiments.load_run import load_run
from experiments.reports._generation_samples import (
  Sample,
  Samples,
  load_samples,
)
from experiments.reports._generation_table import (
  caption,
  rich_table,
  write_markdown,
)
from robust_jax import parallel
from robust_jax.evaluators.generation import memorization, mode_coverage
from robust_jax.evaluators.generation.compare import compare
from robust_jax.evaluators.generation.mode_coverage import ModeCoverage
from robust_jax.evaluators.generation.nearest import nearest
from robust_jax.files import write_json
from robust_jax.plotting.attribute_swaps import draw_attribute_swaps
from robust_jax.plotting.image_grid import save_image_grid
from robust_jax.plotting.scatter import draw_scatter
from robust_jax.plotting.tables import print_table
from robust_jax.statistics.bootstrap import Estimate, bootstrap
from robust_jax.statistics.resampling import centered_interval
from robust_jax.training.progress import Progress

_NUM_DRAWN = 100
_ROWS, _NEIGHBORS = 8, 3  # of the picture of nearest neighbors


def generation_report(
  path: pathlib.Path, config: ConfigDict, num_examples: int | None = None
) -> dict[str, Any]:
  """Judges the samples of the run in `path`, at its best checkpoint.

  As many samples as there are test examples, at most
  `evaluation.num_samples`, are compared with these, and so are as many
  training examples: the floor. The classes of both are compared with those of
  all training examples. Where real images have 8 bits, generated ones are
  rounded to 8 bits.

  Writes `report.json`, `report.md` and pictures to `path`, and prints a table:
  `samples.png`, and `neighbors.png` with the nearest training and test images
  of some samples; or, of points in the plane, `scatter.png`.

  Args:
    path: work directory of a finished run.
    config: config of the run; its section `evaluation` may differ.
    num_examples: number of samples and of test examples, at most.

  Returns:
    The report.

  Raises:
    ValueError: the run deploys no generator or has no checkpoint, there are too
      few examples, or the stored features are of another extractor.
  """
  started = time.monotonic()
  run = load_run(path, "best", named_modules(config))
  run.generator()  # refused before anything is read
  extractor = feature_extractor(path, config)
  samples = load_samples(run, extractor, config, num_examples)
  result = {
    "step": run.step,
    "extractor": {"name": extractor.name, "digest": extractor.digest},
    "num_examples": len(samples.test.features),
    "num_features": samples.test.features.shape[1],
    "num_train": len(samples.train.features),
    "quantization": _quantization(samples),
    **{split: _split_name(config, split) for split in ("train", "test")},
    **_judged(samples, extractor, config),
    "seconds": round(time.monotonic() - started, 1),
    **provenance(config),
  }
  if parallel.is_lead():
    write_json(path / "report.json", result)
    write_markdown(path / "report.md", result)
    pictures = _draw(path, samples)
    print(*caption(result), sep="\n")
    print_table(rich_table(result))
    print(f"In {path}: {', '.join(['report.json', 'report.md', *pictures])}.")
  return result


def _quantization(samples: Samples) -> str:
  return "8 bits" if samples.test.stored.dtype == np.uint8 else "as computed"


def _split_name(config: ConfigDict, split: str) -> str:
  part = config.data[split]
  named = part if isinstance(part, str) else split
  return f"{config.data.name} '{named}'"


def _judged(
  samples: Samples, extractor: FeatureExtractor, config: ConfigDict
) -> dict[str, Any]:
  """All statistics, of the generated sample and of the floor."""
  generated, test, train = samples[:3]
  floor = train.spread(len(test.features))
  with Progress("statistics", 8) as bar:
    count = itertools.count(1)
    on_done = lambda: bar.update(next(count))
    found = {
      name: compare(
        test.features, sample.features, seed=config.seed, on_done=on_done
      )
      for name, sample in (("generated", generated), ("floor", floor))
    }
    copies = memorization(generated.features, floor.features, test.features)
    on_done()
    if extractor.classes is not None:
      for name, sample in (("generated", generated), ("floor", test)):
        found[name] |= _of_classes(
          sample, samples, extractor.classes.has_other, config
        )
    on_done()
  found["generated"]["nearer_to_train"] = _mean(copies.nearer_to_train)
  medians = {
    f"median_distance_to_{split}": float(np.median(near.distances))
    for split, near in (("train", copies.train), ("test", copies.test))
  }
  plain = {
    name: {key: _plain(value) for key, value in values.items()}
    for name, values in found.items()
  }
  return plain | {"memorization": {"p_value": copies.p_value, **medians}}


def _plain(value: Any) -> Any:
  return dataclasses.asdict(value) if isinstance(value, Estimate) else value


def _mean(values: np.ndarray) -> Estimate:
  table = np.stack([values, np.ones(len(values))], axis=1)
  ratio = lambda sums: sums[..., :1] / sums[..., 1:]
  return bootstrap(table, ratio, method="percentile").estimate(0)


def _of_classes(
  sample: Sample, samples: Samples, has_other: bool, config: ConfigDict
) -> dict[str, Any]:
  """Classes beside those of all training examples, with intervals."""
  num_classes = samples.num_classes
  num_modes = num_classes - has_other
  real = np.bincount(samples.train.classes, minlength=num_classes)

  def coverage(counts: np.ndarray) -> ModeCoverage:
    frequencies = np.bincount(sample.classes, counts, num_classes)
    return mode_coverage(frequencies, real, config.evaluation.min_fraction)

  def interval(read: Callable[[ModeCoverage], float]) -> Estimate:
    value, statistic = read(whole), lambda counts: read(coverage(counts))
    if math.isinf(value):  # a class that no training example is of
      return Estimate(value, value, value)
    return centered_interval(value, statistic, size, seed=config.seed)

  size = len(sample.classes)
  whole = coverage(np.ones(size))
  found: dict[str, Any] = {
    "num_covered": int(whole.covered[:num_modes].sum()),
    "total_variation": interval(lambda found: found.total_variation),
    "kl": interval(lambda found: found.kl),
  }
  if has_other:
    found["in_a_mode"] = _mean((sample.classes < num_modes).astype(float))
  return found


def _draw(path: pathlib.Path, samples: Samples) -> list[str]:
  """Draws samples and their neighbors; returns the names of the pictures."""
  generated, test, train = samples[:3]
  if generated.stored.shape[1:] == (2,):
    draw_scatter(path / "scatter.png", test.stored, generated.stored)
    return ["scatter.png"]
  if generated.stored.ndim != 4:
    return []
  save_image_grid(path / "samples.png", generated.stored[:_NUM_DRAWN] / 255)
  some = generated.features[:_ROWS]
  neighbors = [
    sample.stored[nearest(some, sample.features, _NEIGHBORS).rows]
    for sample in (train, test)
  ]
  images = [generated.stored[:_ROWS, None], *neighbors]
  blank = [""] * (_NEIGHBORS - 1)
  draw_attribute_swaps(
    path / "neighbors.png",
    np.concatenate(images, axis=1) / 255,
    [""] * len(some),
    ["sample", "train", *blank, "test", *blank],
    originals=[(row, 0) for row in range(len(some))],
  )
  return ["samples.png", "neighbors.png"]
