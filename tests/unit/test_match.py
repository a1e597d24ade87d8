"""Matching of detections with annotations: pycocotools' for every detection."""

import numpy as np
import pytest

from robust_jax.boxes import Annotations, Detections
from robust_jax.statistics.detection.match import SIZES, match
from tests.unit.detection_scenes import NUM_CLASSES, pycocotools, scene, scenes


def _theirs(evaluation, image, label, size):
  """(matched, ignored) `[thresholds, m]` of one class of one image."""
  index = (label * len(SIZES) + size) * len(evaluation.params.imgIds) + image
  found = evaluation.evalImgs[index]
  if found is None:
    return None
  first = min((a["id"] for a in evaluation.cocoGt.imgToAnns[image]), default=1)
  ids = found["dtMatches"].astype(int)
  return np.where(ids > 0, ids - first, -1), found["dtIgnore"]


@pytest.mark.parametrize("seed", range(3))
def test_every_detection_is_matched_as_by_pycocotools(seed):
  images = scenes(seed)
  evaluation = pycocotools(images)
  compared = 0
  for image, pair in enumerate(images):
    found = match(*pair)
    for label in range(NUM_CLASSES):
      ours = found.classes == label
      for size in range(len(SIZES)):
        expected = _theirs(evaluation, image, label, size)
        if expected is None:
          assert not ours.any()
          continue
        np.testing.assert_array_equal(found.matched[size][:, ours], expected[0])
        np.testing.assert_array_equal(found.ignored[size][:, ours], expected[1])
        compared += ours.sum()
  assert compared > 1000


def test_lower_scores_change_nothing():
  annotations, detections = scene(0, num_objects=12, num_false=20, ties=False)
  whole = match(annotations, detections)
  for least in (0.2, 0.5, 0.8):
    above = detections.scores >= least
    part = match(annotations, Detections(*(v[above] for v in detections)))
    kept = len(part.scores)
    np.testing.assert_array_equal(part.matched, whole.matched[..., :kept])
    np.testing.assert_array_equal(part.ignored, whole.ignored[..., :kept])


def test_annotations_as_detections_are_all_found():
  annotations, _ = scene(1, num_objects=15, num_false=0, crowds=0)
  scores = np.random.default_rng(0).random(15)
  found = match(
    annotations, Detections(annotations.boxes, scores, annotations.classes)
  )
  assert (np.sort(found.matched) == np.arange(15)).all()
  expected = annotations.boxes[found.order]
  assert (annotations.boxes[found.matched] == expected).all()
  uncounted = ~found.counted[:, None, found.order]
  assert (found.ignored == uncounted).all()


BOX = np.array([[0, 0, 10, 10]], np.float32)
LABEL = np.zeros(1, np.int64)
VALID = {
  "annotations": Annotations(BOX, LABEL, np.zeros(1, bool)),
  "detections": Detections(BOX, np.array([0.5]), LABEL),
}


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"max_detections": 0}, "max_detections = 0"),
    (
      {"detections": Detections(BOX, np.array([np.nan]), LABEL)},
      "scores have 1 values that are not finite",
    ),
    (
      {"detections": Detections(BOX, np.zeros((1, 2)), LABEL)},
      r"detections with boxes of shape \(1, 4\), scores \(1, 2\)",
    ),
    (
      {"annotations": Annotations(BOX[:, :2], LABEL, np.zeros(1, bool))},
      r"annotations with boxes of shape \(1, 2\)",
    ),
    (
      {"annotations": Annotations(BOX + np.inf, LABEL, np.zeros(1, bool))},
      "boxes of annotations have 4 values",
    ),
  ],
)
def test_what_cannot_be_matched_is_refused(change, message):
  with pytest.raises(ValueError, match=message):
    match(**VALID | change)
