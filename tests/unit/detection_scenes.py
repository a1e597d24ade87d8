"""Random images with annotations and detections, and pycocotools' answers."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from robust_jax import boxes
from robust_jax.boxes import Annotations, Detections

SIDE = 320
NUM_CLASSES = 5  # the last one has no annotations


def _boxes(rng, n):
  """Sides from 8 to 256, of all three sizes, on a grid so that IoUs tie."""
  sides = np.exp2(rng.uniform(3, 8, (n, 2)))
  corners = rng.uniform(0, SIDE - sides)
  return np.rint(np.hstack([corners, corners + sides])).astype(np.float32)


def scene(seed, *, num_objects, num_false, crowds=0.15, missed=0.2, ties=True):
  """One image: (annotations, detections), in an order without meaning."""
  rng = np.random.default_rng(seed)
  objects = _boxes(rng, num_objects)
  classes = rng.integers(NUM_CLASSES - 1, size=num_objects)
  ignored = rng.random(num_objects) < crowds
  # Some lie exactly upon the first.
  twins = rng.random(num_objects) < 0.1
  objects[twins], classes[twins] = objects[:1], classes[:1]
  # Each object is detected up to three times, more or less exactly.
  again = np.repeat(np.arange(num_objects), rng.integers(1, 4, num_objects))
  again = again[rng.random(len(again)) >= missed]
  size = boxes.to_corner_and_size(objects[again])[:, 2:]
  spread = rng.choice([0, 0.03, 0.1, 0.3], (len(again), 1))
  shifts = rng.normal(size=(len(again), 4)) * np.tile(size, 2) * spread
  near = objects[again] + shifts.astype(np.float32)
  low, high = np.minimum(near[:, :2], near[:, 2:]), near[:, 2:]
  near = np.hstack([low, np.maximum(low + 1, high)])
  confused = rng.random(len(again)) < 0.1
  others = rng.integers(NUM_CLASSES, size=len(again))
  found = np.concatenate([near, _boxes(rng, num_false)])
  found_classes = np.concatenate(
    [
      np.where(confused, others, classes[again]),
      rng.integers(NUM_CLASSES, size=num_false),
    ]
  )
  # True detections score higher, with exceptions.
  scores = rng.beta(np.repeat([3, 1], [len(again), num_false]), 2)
  scores = np.round(scores, 1) if ties else scores
  order = rng.permutation(len(found))
  return (
    Annotations(objects, classes, ignored),
    Detections(found[order], scores[order], found_classes[order]),
  )


def scenes(seed=0, **more):
  """Twenty images, some without annotations, detections or either."""
  counts = [(0, 0), (0, 9), (5, 0), (3, 700), *[(n, 2 * n) for n in range(16)]]
  found = [
    scene((seed, i), num_objects=objects, num_false=false, **more)
    for i, (objects, false) in enumerate(counts)
  ]
  annotations, nothing = found[2]
  nothing = Detections(*(part[:0] for part in nothing))
  return [*found[:2], (annotations, nothing), *found[3:]]


def pycocotools(images, num_classes=NUM_CLASSES):
  """Its evaluation of [(annotations, detections), ...], images 0, 1, ..."""
  objects, found = [], []
  for image, (annotations, detections) in enumerate(images):
    corner = boxes.to_corner_and_size(annotations.boxes.astype(float))
    for box, label, ignored in zip(
      corner.tolist(), annotations.classes, annotations.ignored, strict=True
    ):
      objects.append(
        {
          "id": len(objects) + 1,
          "image_id": image,
          "category_id": int(label),
          "bbox": box,
          "area": box[2] * box[3],
          "iscrowd": int(ignored),
        }
      )
    corner = boxes.to_corner_and_size(detections.boxes.astype(float))
    for box, label, score in zip(
      corner.tolist(), detections.classes, detections.scores, strict=True
    ):
      found.append(
        {
          "image_id": image,
          "category_id": int(label),
          "bbox": box,
          "score": float(score),
        }
      )
  truth = COCO()
  truth.dataset = {
    "info": {},
    "images": [{"id": i} for i in range(len(images))],
    "categories": [{"id": k} for k in range(num_classes)],
    "annotations": objects,
  }
  with contextlib.redirect_stdout(io.StringIO()):
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
  return evaluation
