"""mPC, rPC and differences of detectors: by hand, and laws of comparisons."""

import dataclasses
import json

import numpy as np
import pytest

from robust_jax.statistics.detection.average_precision import draw_precision
from robust_jax.statistics.detection.changed_precision import (
  changed_precision,
  compare_precision,
)
from robust_jax.statistics.detection.match import match
from robust_jax.statistics.detection.ranking import rank
from robust_jax.statistics.outcomes import INVARIANCE_TESTS, Condition
from robust_jax.statistics.resampling import Resampled
from tests.unit.detection_scenes import NUM_CLASSES, scene

CONDITIONS = (
  Condition("noise", "gaussian", 1),
  Condition("noise", "gaussian", 2),
  Condition("noise", "shot", 2),
  Condition("blur", "zoom", 3),
  Condition(INVARIANCE_TESTS, "identity", 0),
)


def _draws(missed, images=40, seed=0, draws=80):
  """A detector that misses a fraction of the objects of images."""
  found = [
    match(*scene((seed, i), num_objects=3, num_false=3, missed=missed))
    for i in range(images)
  ]
  return draw_precision(rank(found, NUM_CLASSES), draws=draws)


@pytest.fixture(scope="module")
def detector():
  changed = [_draws(missed) for missed in (0.2, 0.5, 0.6, 0.4, 0.1)]
  return _draws(0.1), changed


def _constant(value):
  return Resampled(
    np.full(4, value), np.full((9, 4), value), np.full((5, 4), value)
  )


def test_means_by_hand():
  changed = [_constant(v) for v in (30.0, 20, 15, 10, 40)]
  found = changed_precision(_constant(40.0), changed, CONDITIONS)
  # Of gaussian noise 25.
  assert found.mpc.value == pytest.approx((25 + 15 + 10) / 3)
  assert found.rpc.value == pytest.approx(100 * (25 + 15 + 10) / 3 / 40)
  families = {name: e.value for name, e in found.families.items()}
  assert families == pytest.approx({"noise": 65 / 3, "blur": 10})
  assert found.conditions == [30, 20, 15, 10, 40]


@pytest.mark.parametrize("measure", ["ap", "ap50", "ap75", "ar"])
def test_intervals_hold_the_values(detector, measure):
  clean, changed = detector
  found = changed_precision(clean, changed, CONDITIONS, measure=measure)
  column = ["ap", "ap50", "ap75", "ar"].index(measure)
  assert found.clean.value == clean.value[column]
  for one in (found.clean, found.mpc, found.rpc, *found.families.values()):
    assert one.low < one.value < one.high
  plain = dataclasses.asdict(found)
  assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_a_detector_without_changes_of_its_output_keeps_everything(detector):
  clean, _ = detector
  found = changed_precision(clean, [clean] * 5, CONDITIONS)
  assert found.mpc == found.clean
  assert found.rpc.value == 100


def test_the_better_detector_is_told_and_the_other_way_round(detector):
  clean, changed = detector
  worse = _draws(0.1), [_draws(missed) for missed in (0.2, 0.5, 0.6, 0.8, 0.1)]
  there = compare_precision((clean, changed), worse, CONDITIONS)
  back = compare_precision(worse, (clean, changed), CONDITIONS)
  assert there.families["blur"].verdict == "A better"
  assert "AP under blur of A is more than that of B" in (
    there.families["blur"].sentence
  )
  for name in ("clean", "noise"):
    same = there.clean if name == "clean" else there.families[name]
    assert (same.p_value, same.difference.value) == (1, 0)
    assert same.difference.low < 0 < same.difference.high
  opposite = {"A better": "B better"}
  for one, other in (
    (there.mpc, back.mpc),
    (there.rpc, back.rpc),
    (there.families["blur"], back.families["blur"]),
  ):
    assert one.p_value == other.p_value
    assert one.difference.value == pytest.approx(-other.difference.value)
    assert one.difference.low == pytest.approx(-other.difference.high)
    assert other.verdict == opposite.get(one.verdict, one.verdict)


def test_contributions_vary_as_resamples_do():
  """So the test by random signs and the interval speak of one deviation."""
  found = _draws(0.3, images=60, draws=300)
  contributions = found.contributions()
  np.testing.assert_allclose(contributions.mean(axis=0), found.value)
  deviations = contributions.std(axis=0) / np.sqrt(60)
  # Three deviations of a deviation of 300 draws, and the curvature of AP.
  np.testing.assert_allclose(found.drawn.std(axis=0), deviations, rtol=0.25)


def test_intervals_are_as_wide_as_estimates_of_other_images_vary():
  found = [_draws(0.3, 30, (seed, 0), draws=60) for seed in range(20)]
  values = np.array([one.value for one in found])
  drawn = np.mean([one.drawn.std(axis=0) for one in found], axis=0)
  # Three deviations of a deviation of 20 values: 3 / sqrt(40).
  np.testing.assert_allclose(drawn, values.std(axis=0), rtol=0.5)


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (
      lambda: changed_precision(_constant(1.0), [], []),
      "0 results for 0 conditions",
    ),
    (
      lambda: changed_precision(_constant(1.0), [_constant(1.0)], CONDITIONS),
      "1 results for 5 conditions",
    ),
    (
      lambda: changed_precision(
        _constant(0.0), [_constant(1.0)], CONDITIONS[:1]
      ),
      "ap = 0 without a change",
    ),
    (
      lambda: changed_precision(
        _constant(1.0), [_constant(np.nan)], CONDITIONS[:1]
      ),
      "not defined under gaussian, where no object",
    ),
    (
      lambda: changed_precision(
        _constant(1.0), [_constant(1.0)], CONDITIONS[:1], measure="map"
      ),
      "measure = 'map'",
    ),
    (
      lambda: compare_precision(
        (_constant(1.0), []), (_constant(1.0), []), [], ("a", "a")
      ),
      "two different names",
    ),
  ],
)
def test_what_cannot_be_compared_is_refused(call, message):
  with pytest.raises(ValueError, match=message):
    call()
