"""A detector of torchvision in a comparison, beside its stored detections.

    python -m tests.benchmarks.bench_torchvision_detector [NUM]

SSDlite with random weights takes part as any function of images does, and once
more as files of COCO results, written from what it found. Random weights show
the path, not a detector: the objects of NUM painted images are the best of its
own detections. Prints whether the two have the same report, and the images per
second. Without torch and torchvision it is skipped, and says so.
"""

import importlib.util
import pathlib
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np

from experiments.compare.models import parse_models
from experiments.compare.run import compare
from robust_jax.boxes import AnnotatedImage, Annotations
from robust_jax.comparison.data_kinds.annotated_images import ANNOTATED_IMAGES
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.predictors.detector_predictor import (
  detector_predictor,
)
from robust_jax.comparison.predictors.stored_detections import (
  write_detections,
)
from robust_jax.data.open_detection import open_detection
from robust_jax.data.synthetic import rectangles
from tests.unit.detection_files import NAMES, write_coco_files

_OBJECTS = 3  # of an image
_PARTS = ("risk", "detection", "accuracy", "coverage")


def torchvision_detector():
  """SSDlite of random weights, as a function for `detector_predictor`."""
  import torch
  from torchvision.models.detection import ssdlite320_mobilenet_v3_large

  torch.manual_seed(0)
  network = ssdlite320_mobilenet_v3_large(
    weights=None,
    weights_backbone=None,
    num_classes=1 + len(NAMES),
    score_thresh=0.0,
  ).eval()

  @torch.no_grad()
  def detect(images: Sequence[np.ndarray]):
    x = [torch.tensor(image).permute(2, 0, 1) / 255 for image in images]
    found = [
      {name: part.numpy() for name, part in one.items()} for one in network(x)
    ]
    # Class 0 is the background.
    return [(one["boxes"], one["scores"], one["labels"] - 1) for one in found]

  return detect


def _annotated(detect, num: int) -> dict[str, AnnotatedImage]:
  images = rectangles(num, size=320).read(np.arange(num))["x"]
  found = {}
  for i, image in enumerate(images):
    boxes, scores, classes = detect([image])[0]
    best = np.argsort(-scores, kind="stable")[:_OBJECTS]
    none = np.zeros(len(best), bool)
    objects = Annotations(boxes[best], classes[best].astype(int), none)
    found[f"image{i}"] = AnnotatedImage(image, objects)
  return found


def main(num: str = "8") -> None:
  """Runs the benchmark."""
  needed = ("torch", "torchvision")
  missing = [one for one in needed if importlib.util.find_spec(one) is None]
  if missing:
    print(f"1 skipped: {' and '.join(missing)} not installed.")
    return
  detect = torchvision_detector()
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    path = write_coco_files(folder, _annotated(detect, int(num)))
    data = open_detection(str(path))
    predict = detector_predictor(detect, data.class_names)
    found: dict[str, dict[str, np.ndarray]] = {}
    seconds = 0.0

    def answer(case, ids, images):
      nonlocal seconds
      started = time.perf_counter()
      packed = predict(images)
      seconds += time.perf_counter() - started
      found.setdefault(case, {}).update(zip(ids, packed, strict=True))
      return packed

    live = ComparedModel("live", "torchvision", "function", "live", answer)
    reports = [_report({"live": live}, data, folder / "live")]
    for case, images in found.items():
      packed = np.stack([*images.values()])
      write_detections(folder / "stored", case, [*images], packed, data)
    models = parse_models(
      [f"stored={folder / 'stored'}"], kind=ANNOTATED_IMAGES, data=data
    )
    reports.append(_report(models, data, folder / "again"))
  different = [part for part in _PARTS if reports[0][part] != reports[1][part]]
  asked = sum(map(len, found.values()))
  print(
    f"AP {reports[0]['accuracy']['clean']:.2f} on {num} images; live and "
    f"stored differ in {', '.join(different) or 'nothing'}; "
    f"{asked / seconds:.1f} images/s of torchvision."
  )
  if different:
    sys.exit(1)


def _report(models, data, out):
  report = compare(
    models, data, out, families=("flips",), kind=ANNOTATED_IMAGES
  )
  (one,) = report["models"].values()
  return one


if __name__ == "__main__":
  main(*sys.argv[1:])
