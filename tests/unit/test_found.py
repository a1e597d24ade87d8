"""Operating points, boxes found and lost, kinds of errors: laws and hands."""

import numpy as np
import pytest

from robust_jax.boxes import Annotations, Detections
from robust_jax.statistics.calibration import calibration_of_events
from robust_jax.statistics.detection.box_outcomes import box_outcomes
from robust_jax.statistics.detection.error_kinds import (
  FALSE_POSITIVES,
  KINDS,
  added_errors,
  error_kinds,
)
from robust_jax.statistics.detection.found import (
  Found,
  found,
  operating_point,
  scores_and_truth,
)
from robust_jax.statistics.detection.match import match
from robust_jax.statistics.outcomes import Condition
from robust_jax.statistics.risk import risk
from tests.unit.detection_scenes import scenes

IMAGES = scenes(11)
MATCHES = [match(*pair) for pair in IMAGES]
BLUR, NOISE = Condition("blur", "zoom", 1), Condition("noise", "shot", 1)


def _counts(threshold):
  """(true detections, false ones, annotations) at a threshold."""
  parts = [found(matches, threshold) for matches in MATCHES]
  true = sum(int(part.found.sum()) for part in parts)
  false = sum(part.false_positives for part in parts)
  return true, false, sum(int(part.counted.sum()) for part in parts)


def test_no_threshold_is_better_than_the_operating_point():
  best = operating_point(MATCHES)
  thresholds = np.unique(np.concatenate([m.scores for m in MATCHES]))
  f1 = []
  for threshold in thresholds:
    true, false, objects = _counts(threshold)
    f1.append(200 * true / (true + false + objects))
  assert best.f1 == pytest.approx(max(f1))
  assert best.threshold == thresholds[np.argmax(f1)]
  true, false, objects = _counts(best.threshold)
  assert best.precision == pytest.approx(100 * true / (true + false))
  assert best.recall == pytest.approx(100 * true / objects)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_equal_scores_are_found_together(order):
  boxes = ROW[:1] + np.array([[0], [20]], np.float32)
  tied = Detections(boxes[order], np.full(2, 0.9), np.zeros(2, np.int64))
  truth = Annotations(ROW[:1], np.zeros(1, np.int64), np.zeros(1, bool))
  best = operating_point([match(truth, tied)])
  assert (best.threshold, best.precision, best.recall) == (0.9, 50, 100)


def test_a_detector_that_finds_nothing_has_no_operating_point():
  truth, _ = IMAGES[10]
  elsewhere = Detections(
    truth.boxes + 500, np.ones(len(truth.boxes)), truth.classes
  )
  with pytest.raises(ValueError, match="none of 6 detections in 1 images"):
    operating_point([match(truth, elsewhere)])


@pytest.mark.parametrize("threshold", [0, 0.4, 0.7])
def test_found_at_a_threshold_is_found_without_lower_scores(threshold):
  for (truth, detections), matches in zip(IMAGES, MATCHES, strict=True):
    above = detections.scores >= threshold
    part = Detections(*(value[above] for value in detections))
    one, other = found(match(truth, part), -1), found(matches, threshold)
    for field, expected in zip(one, other, strict=True):
      np.testing.assert_array_equal(field, expected)
    assert not (one.found & truth.ignored).any()


def test_calibration_of_detections_is_of_those_that_are_true():
  scores, true = scores_and_truth(MATCHES)
  total, false, _ = _counts(-1)
  assert (true.sum(), (~true).sum()) == (total, false)
  assert calibration_of_events(scores, true).accuracy == true.mean()
  rng = np.random.default_rng(0)
  p = rng.random(20_000)
  assert calibration_of_events(p, rng.random(20_000) < p).ece < 0.02
  brier = calibration_of_events(np.array([0.8, 0.1]), np.array([True, False]))
  assert brier.brier == pytest.approx(2 * (0.2**2 + 0.1**2) / 2)


@pytest.mark.parametrize(
  ("probabilities", "happened", "message"),
  [
    (np.array([3.0]), np.array([True]), "from 3 to 3"),
    (np.array([0.3]), np.array([1]), "dtype int64"),
    (np.array([0.3]), np.array([True, False]), "expected .N. both"),
    (np.zeros(0), np.zeros(0, bool), "at least one"),
  ],
)
def test_events_that_cannot_be_are_refused(probabilities, happened, message):
  with pytest.raises(ValueError, match=message):
    calibration_of_events(probabilities, happened)


# Objects of 10 by 10 in a row, far apart, and detections of some of them.
ROW = np.array([[40 * i, 0, 40 * i + 10, 10] for i in range(6)], np.float32)
OBJECTS = Annotations(
  ROW, np.zeros(6, np.int64), np.array([False] * 5 + [True])
)
SHIFT = np.array([5, 0, 5, 0], np.float32)  # an IoU of a third


@pytest.mark.parametrize(
  ("box", "label", "kind", "missed"),
  [
    (ROW[0], 0, None, 4),
    (ROW[0], 1, "class", 4),
    (ROW[0] + SHIFT, 0, "location", 4),
    (ROW[0] + SHIFT, 1, "class and location", 5),
    (ROW[0] + 20, 0, "background", 5),
    (ROW[5], 0, None, 5),  # ignored
    (ROW[5], 1, "background", 5),
  ],
)
def test_kinds_of_errors_by_hand(box, label, kind, missed):
  one = Detections(box[None], np.array([0.9]), np.array([label]))
  expected = [int(name == kind) for name in KINDS[:-1]] + [missed]
  matches = match(OBJECTS, one)
  assert error_kinds(OBJECTS, one, matches, 0.5).tolist() == expected
  below = error_kinds(OBJECTS, one, matches, 0.95)
  assert below.tolist() == [0, 0, 0, 0, 0, 5]


def test_the_second_detection_of_an_object_is_a_duplicate():
  twice = Detections(ROW[[0, 0]], np.array([0.8, 0.9]), np.zeros(2, np.int64))
  counts = error_kinds(OBJECTS, twice, match(OBJECTS, twice), 0.5)
  assert dict(zip(KINDS, counts.tolist(), strict=True)) == {
    **dict.fromkeys(KINDS, 0),
    "duplicate": 1,
    "missed": 4,
  }


@pytest.mark.parametrize("threshold", [0, 0.5, 0.8])
def test_every_false_detection_is_of_one_kind(threshold):
  for pair, matches in zip(IMAGES, MATCHES, strict=True):
    counts = error_kinds(*pair, matches, threshold)
    part = found(matches, threshold)
    assert counts[:-1].sum() == part.false_positives
    lost = int((part.counted & ~part.found).sum())
    assert lost - counts[:2].sum() <= counts[-1] <= lost


def test_added_errors_are_differences_of_means():
  rng = np.random.default_rng(0)
  clean = rng.integers(3, size=(40, 6))
  changed = clean[:, None] + rng.integers(3, size=(40, 2, 6))
  result = added_errors(clean, changed, [BLUR, NOISE], draws=50)
  expected = (changed - clean[:, None]).mean(axis=0)
  for row, name in enumerate(("blur", "noise")):
    values = [result[name][kind].value for kind in KINDS]
    np.testing.assert_allclose(values, expected[row])
    one = result[name][FALSE_POSITIVES]
    assert one.value == pytest.approx(expected[row, :-1].sum())
    assert one.low < one.value < one.high
  overall = [result["overall"][kind].value for kind in KINDS]
  np.testing.assert_allclose(overall, expected.mean(axis=0))
  with pytest.raises(ValueError, match=r"expected \[N, 6\] and \[N, 1, 6\]"):
    added_errors(clean, changed, [BLUR])


def _found(*objects):
  """Of each: found, lost, hidden or a crowd."""
  return Found(
    np.array([o == "found" for o in objects]),
    np.array([o in ("found", "lost") for o in objects]),
    np.arange(len(objects)),
    0,
  )


def test_outcomes_of_boxes_by_hand():
  clean = [_found("found", "found", "lost", "crowd"), _found("found")]
  blurred = [_found("lost", "hidden", "hidden", "crowd"), _found("found")]
  noisy = [_found("found", "lost", "found", "lost"), _found("lost")]
  outcomes = box_outcomes("ab", clean, [blurred, noisy], [BLUR, NOISE])
  assert outcomes.ids == ("a#0", "a#1", "a#2", "b#0")
  assert outcomes.clean.tolist() == [True, True, False, True]
  assert outcomes.transformed[:, 0].tolist() == [False, True, False, True]
  assert outcomes.transformed[:, 1].tolist() == [True, False, True, False]
  assert outcomes.labels.tolist() == [0, 1, 2, 0]
  assert outcomes.clusters.tolist() == [0, 0, 0, 1]
  report = risk(outcomes, draws=20)
  assert report.families["blur"].risk.value == pytest.approx(100 / 3)
  assert report.families["noise"].risk.value == pytest.approx(200 / 3)
  assert report.clean_accuracy == 75


@pytest.mark.parametrize(
  ("ids", "changed", "conditions", "message"),
  [
    ("a", [], [], "0 lists of images for 0 conditions"),
    ("a", [[_found("lost")]], [], "1 lists of images for 0"),
    ("ab", [[_found("lost")]], [BLUR], "1 images .* 2 ids"),
    ("a", [[]], [BLUR], r"conditions \[0\]"),
    ("a", [[_found("lost", "lost")]], [BLUR], "a has 1 annotations, and 2 und"),
  ],
)
def test_boxes_without_a_counterpart_are_refused(
  ids, changed, conditions, message
):
  with pytest.raises(ValueError, match=message):
    box_outcomes(ids, [_found("found")], changed, conditions)
