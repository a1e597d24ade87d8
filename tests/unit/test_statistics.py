"""Metrics of robustness: published numbers, closed forms, limits."""

import fractions
import itertools

import numpy as np
import pytest
import scipy.special
import scipy.stats

from robust_jax.statistics.calibration import calibration
from robust_jax.statistics.label_sets import subset_accuracy
from robust_jax.statistics.mean_corruption_error import (
  ALEXNET,
  Baseline,
  mean_corruption_error,
  normalized_mean,
)
from robust_jax.statistics.outlier_detection import outlier_detection
from robust_jax.statistics.prediction_stability import (
  flip_probability,
  shift_consistency,
  top5_distance,
)


def test_alexnet_is_its_own_hundred_percent():
  found = mean_corruption_error(ALEXNET.errors, ALEXNET.clean_error, ALEXNET)
  assert set(found.ce.values()) == set(found.relative_ce.values()) == {100}
  assert found.mce == found.relative_mce == 100
  assert found.baseline == "AlexNet on ImageNet-C"


def test_alexnet_has_its_published_mean_errors():
  # In percent, of Hendrycks & Dietterich 2019, rounded there.
  published = {
    "gaussian_noise": 88.6,
    "shot_noise": 89.4,
    "impulse_noise": 92.3,
    "defocus_blur": 82.0,
    "glass_blur": 82.6,
    "motion_blur": 78.6,
    "zoom_blur": 79.8,
    "snow": 86.7,
    "frost": 82.7,
    "fog": 81.9,
    "brightness": 56.5,
    "contrast": 85.3,
    "elastic_transform": 64.6,
    "pixelate": 71.8,
    "jpeg_compression": 60.7,
  }
  means = {name: 100 * np.mean(row) for name, row in ALEXNET.errors.items()}
  assert means == pytest.approx(published, abs=0.06)
  found = mean_corruption_error(ALEXNET.errors, 0.4348, ALEXNET)
  assert found.mean_error == pytest.approx(
    np.mean(list(published.values())), abs=0.06
  )


def test_corruption_errors_by_hand():
  baseline = Baseline("net", {"fog": (0.4, 0.6), "snow": (0.8, 0.8)}, 0.2)
  errors = {"fog": (0.2, 0.3), "snow": (0.7, 0.9)}
  found = mean_corruption_error(errors, 0.1, baseline)
  assert found.ce == pytest.approx({"fog": 50, "snow": 100})
  assert found.mce == pytest.approx(75)
  # 0.15 added to a clean 0.1, beside 0.3 added to 0.2; 0.7 beside 0.6.
  assert found.relative_ce == pytest.approx({"fog": 50, "snow": 700 / 6})
  assert found.relative_mce == pytest.approx((50 + 700 / 6) / 2)
  assert found.mean_error == pytest.approx(52.5)
  assert found.clean_error == 10


def test_a_baseline_that_corruption_does_not_hurt_divides_nothing():
  baseline = Baseline("net", {"fog": (0.2,), "snow": (0.8,)}, 0.2)
  errors = {"fog": (0.3,), "snow": (0.4,)}
  found = mean_corruption_error(errors, 0.1, baseline)
  assert found.relative_ce["fog"] is None
  assert found.relative_ce["snow"] == pytest.approx(50)
  assert found.relative_mce is None
  assert found.mce == pytest.approx((150 + 50) / 2)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"errors": {}}, "no values"),
    ({"errors": {"speckle_noise": (0.1,)}}, "no errors under .'speckle"),
    ({"errors": {"fog": (0.1, 0.2)}}, "severities of shape"),
    ({"errors": {"fog": (0.1, 0.2, np.nan, 0, 0)}}, "fractions from 0 to 1"),
    ({"clean_error": 43.5}, "clean.* of 43.5: expected fractions"),
  ],
)
def test_errors_that_cannot_be_are_refused(change, message):
  expected = {"errors": {"fog": (0.5,) * 5}, "clean_error": 0.4}
  with pytest.raises(ValueError, match=message):
    mean_corruption_error(**expected | change, baseline=ALEXNET)


def test_ratios_to_a_baseline():
  rates, mean = normalized_mean({"snow": 0.1}, {"snow": 0.4, "tilt": 0.2})
  assert (rates, mean) == ({"snow": 25}, 25)
  with pytest.raises(ValueError, match="no value for"):
    normalized_mean({"tilt": 0.1}, {"snow": 0.4})
  with pytest.raises(ValueError, match="tilt = nan"):
    normalized_mean({"tilt": np.nan}, {"tilt": 0.4})


def test_flips_by_hand():
  predictions = np.array([[0, 0, 1, 1, 0], [2, 2, 2, 2, 2]])
  np.testing.assert_allclose(flip_probability(predictions), [2 / 4, 0])
  # Two apart: 0 1, 0 1, 1 0.
  np.testing.assert_allclose(
    flip_probability(predictions, difficulty=2), [1, 0]
  )
  # Against the clean frame: 0, 1, 1, 0.
  for difficulty in (1, 2):
    found = flip_probability(predictions, noise=True, difficulty=difficulty)
    np.testing.assert_allclose(found, [2 / 4, 0])


def test_frames_apart_are_interleaved_streams():
  predictions = np.random.default_rng(0).integers(3, size=(4, 31))
  streams = [predictions[:, i::3] for i in range(3)]
  changes = np.concatenate([s[:, 1:] != s[:, :-1] for s in streams], axis=1)
  found = flip_probability(predictions, difficulty=3)
  np.testing.assert_allclose(found, changes.mean(axis=1))


def _ranked(*order, classes=8):
  """Scores that put these classes first, in this order."""
  scores = np.zeros(classes)
  scores[list(order)] = np.arange(len(order), 0, -1)
  return scores


@pytest.mark.parametrize(
  ("later", "distance"),
  [
    ((0, 1, 2, 3, 4), 0),
    ((1, 0, 2, 3, 4), 2),
    ((0, 1, 2, 3, 5), 1),  # the fifth leaves
    ((5, 0, 1, 2, 3), 5),  # all move down, the fifth out
    ((4, 3, 2, 1, 0), 12),
    ((5, 6, 7), 12),  # and then 0 and 1, by index: 3 + 3, 3 + 2 + 1
  ],
)
def test_top5_distances_by_hand(later, distance):
  scores = np.stack([_ranked(0, 1, 2, 3, 4), _ranked(*later)])[None]
  assert top5_distance(scores) == [distance]


def test_top5_distance_is_that_of_whole_rankings():
  # The published definition, on permutations of all classes.
  scores = np.random.default_rng(1).normal(size=(3, 6, 12))
  place = np.minimum(np.arange(12), 5)
  for noise, difficulty in ((False, 1), (False, 2), (True, 1)):
    expected = []
    for video in scores:
      ranks = [scipy.stats.rankdata(-s, "ordinal").astype(int) for s in video]
      pairs = itertools.pairwise(range(6))
      if difficulty == 2:
        pairs = ((i, i + 2) for i in range(4))
      if noise:
        pairs = ((0, i) for i in range(1, 6))
      sigmas = [ranks[j][np.argsort(ranks[i])] for i, j in pairs]
      moved = [np.abs(place - place[s - 1])[:5].sum() for s in sigmas]
      expected.append(np.mean(moved))
    found = top5_distance(scores, noise=noise, difficulty=difficulty)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("metric", [flip_probability, top5_distance])
def test_sequences_too_short_for_a_step_are_refused(metric):
  frames = np.zeros((2, 2), int) if metric is flip_probability else None
  frames = np.zeros((2, 2, 5)) if frames is None else frames
  assert metric(frames).tolist() == [0, 0]
  assert metric(frames, noise=True, difficulty=2).tolist() == [0, 0]
  with pytest.raises(ValueError, match=r"2 sequences of 2 frames: .* 3 or"):
    metric(frames, difficulty=2)
  with pytest.raises(ValueError, match="difficulty = 0"):
    metric(frames, difficulty=0)


@pytest.mark.parametrize(
  ("metric", "value", "message"),
  [
    (flip_probability, np.zeros((2, 3)), "dtype float64: expected integers"),
    (flip_probability, np.zeros(3, int), r"shape \(3,\)"),
    (top5_distance, np.zeros((2, 3, 4)), "5 classes or more"),
    (top5_distance, np.full((2, 3, 5), np.nan), "30 of them NaN"),
    (top5_distance, np.zeros((2, 3, 5), np.uint8), "dtype uint8"),
    (shift_consistency, np.zeros((3, 1), int), "two shifts or more"),
    (shift_consistency, np.zeros((3, 2)), "dtype float64"),
  ],
)
def test_answers_of_another_form_are_refused(metric, value, message):
  with pytest.raises(ValueError, match=message):
    metric(value)


def test_consistency_is_the_mean_over_pairs():
  predictions = np.random.default_rng(2).integers(3, size=(20, 5))
  pairs = itertools.combinations(predictions.T, 2)
  expected = np.mean([first == second for first, second in pairs], axis=0)
  np.testing.assert_allclose(shift_consistency(predictions), expected)


def _binary(confidence, correct):
  """(probabilities, labels) of two classes, the first one answered."""
  confidence = np.asarray(confidence, float)
  labels = np.where(correct, 0, 1)
  return np.column_stack([confidence, 1 - confidence]), labels


def test_calibration_by_hand():
  # Bins of a tenth: (0.6, 0.7] has 2 of 4 right at 0.65, (0.9, 1] has all at 1.
  confidence = [0.65] * 4 + [1.0] * 4
  found = calibration(
    *_binary(confidence, [1, 1, 0, 0, 1, 1, 1, 1]),
    num_bins=10,
    examples_per_bin=4,
  )
  assert found.ece == pytest.approx((0.15 + 0) / 2)
  assert found.rms == pytest.approx(np.sqrt(0.15**2 / 2))
  assert found.accuracy == 0.75
  assert found.confidence == pytest.approx(0.825)
  # Each half right at 0.65: (2 * 0.35^2 + 2 * 0.65^2) / 2, and nothing at 1.
  assert found.brier == pytest.approx((0.35**2 + 0.65**2) / 2)
  # All right in the first four prefixes, and half of each image after.
  prefixes = [1, 1, 1, 1, 4.5 / 5, 5 / 6, 5.5 / 7, 6 / 8]
  assert found.aurra == pytest.approx(np.mean(prefixes))
  assert [b.examples for b in found.bins] == [4, 4]


def test_the_most_confident_bin_counts():
  # Sure and wrong: the worst calibration there is.
  found = calibration(*_binary(np.ones(200), np.zeros(200)))
  assert (found.ece, found.rms, found.aurra, found.brier) == (1, 1, 0, 2)


def test_bins_hold_their_upper_ends():
  # 0.6 = 3/5 is the end of the third of five bins, 0.61 is in the fourth.
  found = calibration(*_binary([0.6, 0.61], [1, 1]), num_bins=5)
  assert [b.examples for b in found.bins] == [1, 1]
  found = calibration(*_binary([0.6, 0.59], [1, 1]), num_bins=5)
  assert [b.examples for b in found.bins] == [2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_end_is_in_the_bin_that_it_ends(dtype):
  # All that the fractions k/n can be confused by, for every n up to 100.
  for num_bins in range(1, 101):
    numbers = np.arange(1, num_bins + 1)
    confidence = np.array(
      [float(fractions.Fraction(int(k), num_bins)) for k in numbers], dtype
    )
    # The rest is shared by so many classes that none of them is as likely.
    others = 101
    rest = (1 - confidence.astype(float))[:, None] / others
    probabilities = np.hstack([confidence[:, None], np.tile(rest, others)])
    found = calibration(
      probabilities.astype(dtype), np.zeros(num_bins, int), num_bins=num_bins
    )
    assert [b.examples for b in found.bins] == [1] * num_bins, num_bins


def test_a_calibrated_model_has_errors_of_chance_alone():
  rng = np.random.default_rng(3)
  confidence = rng.uniform(0.5, 1, 20000)
  found = calibration(*_binary(confidence, rng.random(20000) < confidence))
  # |accuracy - confidence| of a bin of n is at most 0.5 / sqrt(n) in the mean:
  # 2500 images in the fewest of eight bins, 100 in those of equal numbers.
  assert found.ece < 0.5 / np.sqrt(2500)
  assert found.rms < 0.5 / np.sqrt(100)
  # And over-confidence by a tenth is found as a tenth, give or take the same.
  less = rng.random(20000) < confidence - 0.1
  found = calibration(*_binary(confidence, less))
  assert found.ece == pytest.approx(0.1, abs=0.5 / np.sqrt(2500))
  # Its square is that of the bias and of the noise of bins of 100.
  assert 0.1 < found.rms < np.sqrt(0.1**2 + 0.25 / 100)


def test_the_order_of_images_does_not_matter_to_calibration():
  rng = np.random.default_rng(4)
  confidence = rng.choice([0.5, 0.7, 0.9, 1.0], 250)
  correct = rng.random(250) < 0.6
  order = rng.permutation(250)
  one = calibration(*_binary(confidence, correct))
  other = calibration(*_binary(confidence[order], correct[order]))
  for name in ("ece", "rms", "aurra", "brier"):
    assert getattr(one, name) == pytest.approx(getattr(other, name))


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"probabilities": np.array([[3.0, -1.0]])}, "softmax of logits"),
    ({"probabilities": np.array([[0.5, np.nan]])}, "expected 0 to 1"),
    ({"probabilities": np.array([[0.5, 0.4]])}, "1 of 1 rows .* not sum to 1"),
    ({"probabilities": np.zeros((0, 2))}, r"shape \(0, 2\)"),
    ({"labels": np.array([2])}, "labels from 2 to 2"),
    ({"labels": np.array([0.0])}, "dtype float64"),
    ({"labels": np.array([0, 1])}, r"expected \[1\]"),
    ({"num_bins": 0}, "num_bins = 0"),
    ({"examples_per_bin": 0}, "examples_per_bin = 0"),
  ],
)
def test_probabilities_that_cannot_be_are_refused(change, message):
  expected = {"probabilities": np.array([[0.5, 0.5]]), "labels": np.array([0])}
  with pytest.raises(ValueError, match=message):
    calibration(**expected | change)


def test_outliers_are_the_positives():
  apart = outlier_detection(np.arange(10), np.arange(10, 15))
  assert (apart.auroc, apart.aupr, apart.fpr95) == (1, 1, 0)
  assert apart.base_rate == pytest.approx(1 / 3)
  reversed_ = outlier_detection(-np.arange(10), -np.arange(10, 15))
  assert (reversed_.auroc, reversed_.fpr95) == (0, 1)
  same = outlier_detection(np.zeros(10), np.zeros(5))
  assert (same.auroc, same.fpr95) == (0.5, 1)
  assert same.aupr == same.base_rate


def test_a_score_that_is_normal_has_its_closed_forms():
  size, shift = 20000, 1.5
  points = scipy.special.ndtri((np.arange(size) + 0.5) / size)
  found = outlier_detection(points, points + shift)
  # Quantiles instead of draws: within a few of their steps of 1 / size.
  assert found.auroc == pytest.approx(
    scipy.special.ndtr(shift / np.sqrt(2)), abs=3 / size
  )
  threshold = shift + scipy.special.ndtri(0.05)
  assert found.fpr95 == pytest.approx(
    1 - scipy.special.ndtr(threshold), abs=3 / size
  )


def test_only_the_order_of_scores_matters():
  rng = np.random.default_rng(5)
  inliers, outliers = rng.normal(size=50), rng.normal(1, size=30)
  expected = outlier_detection(inliers, outliers)
  assert outlier_detection(np.exp(inliers), np.exp(outliers)) == expected
  inliers[inliers.argmin()] = -np.inf
  assert outlier_detection(inliers, outliers) == outlier_detection(
    np.where(np.isinf(inliers), -1e6, inliers), outliers
  )


def _counted_fpr95(inliers, outliers, recall):
  """By trying every threshold: an image at or above it is an outlier."""
  thresholds = sorted({*inliers, *outliers}, reverse=True)
  points = [(np.mean(outliers >= t), np.mean(inliers >= t)) for t in thresholds]
  if recall == "reached":
    return min(alarms for found, alarms in points if found >= 0.95)
  complete = min(alarms for found, alarms in points if found == 1)
  points = [p for p in points if p[0] < 1] + [(1.0, complete)]
  nearest = min(abs(found - 0.95) for found, _ in points)
  return max(alarms for found, alarms in points if abs(found - 0.95) == nearest)


@pytest.mark.parametrize("recall", ["reached", "nearest"])
def test_the_threshold_of_fpr95_is_that_of_its_convention(recall):
  rng = np.random.default_rng(6)
  for size in (1, 2, 10, 19, 20, 21, 60):
    # With and without ties between and among the two.
    for digits in (0, 8):
      inliers = rng.normal(size=200).round(digits)
      outliers = rng.normal(1, size=size).round(digits)
      found = outlier_detection(inliers, outliers, recall=recall)
      assert found.fpr95 == _counted_fpr95(inliers, outliers, recall)


def test_conventions_of_fpr95_part_on_few_outliers():
  # Nineteen of twenty are found at once; the last one after most inliers.
  inliers = np.linspace(0, 1, 100)
  outliers = np.append(np.full(19, 0.6), 0.1)
  found = [
    outlier_detection(inliers, outliers, recall=r).fpr95
    for r in ("reached", "nearest")
  ]
  assert found == [0.4, 0.9]
  with pytest.raises(ValueError, match="recall = 'other': expected"):
    outlier_detection(inliers, outliers, recall="other")


@pytest.mark.parametrize("scores", [[], [np.nan, 1.0], [[1.0]]])
def test_scores_that_cannot_be_are_refused(scores):
  with pytest.raises(ValueError, match="outliers of shape"):
    outlier_detection([0.0], scores)


def test_other_classes_cannot_be_the_answer():
  scores = np.array([[9, 1, 2, 0], [9, 3, 2, 0], [9, 3, np.nan, 0.0]])
  labels = np.array([2, 2, 1])
  assert subset_accuracy(scores, labels, [2, 1]).tolist() == [
    True,
    False,
    False,
  ]
  assert (
    subset_accuracy(scores[:2], labels[:2], range(4)).tolist() == [False] * 2
  )


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"labels": np.array([3])}, "1 labels, such as 3, are not among the 2"),
    ({"labels": np.array([1, 1])}, "expected .N, K. and .N."),
    ({"classes": [1, 1]}, "each once"),
    ({"classes": [1, 4]}, r"in 0\.\.3"),
  ],
)
def test_subsets_that_cannot_be_are_refused(change, message):
  expected = {
    "scores": np.zeros((1, 4)),
    "labels": np.array([1]),
    "classes": [1, 2],
  }
  with pytest.raises(ValueError, match=message):
    subset_accuracy(**expected | change)
