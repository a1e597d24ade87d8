"""Risk, its comparison and its gate: answers worked out by hand, and laws."""

import dataclasses
import json

import numpy as np
import pytest
import scipy.special

from robust_jax.statistics.compare_risks import compare_risks
from robust_jax.statistics.gate import Thresholds, gate
from robust_jax.statistics.outcomes import (
  INVARIANCE_TESTS,
  Condition,
  Outcomes,
  from_predictions,
)
from robust_jax.statistics.risk import risk
from robust_jax.statistics.risk_by_slice import risk_by_slice

CONDITIONS = (
  Condition("noise", "gaussian", 1),
  Condition("noise", "gaussian", 2),
  Condition("noise", "shot", 2),
  Condition("blur", "zoom", 3, weight=3.0),
  Condition(INVARIANCE_TESTS, "identity", 0),
)


def _outcomes(clean, transformed, conditions=CONDITIONS, **more):
  ids = tuple(f"example {i}" for i in range(len(clean)))
  return Outcomes(ids, clean, transformed, tuple(conditions), **more)


def _random(size, seed, right=0.8, conditions=CONDITIONS):
  """Some images are harder than others, under all conditions."""
  rng = np.random.default_rng(seed)
  ease = rng.uniform(2 * right - 1, 1, (size, 1))
  transformed = rng.random((size, len(conditions))) < ease
  return _outcomes(rng.random(size) < 0.9, transformed, conditions)


# Rows are images; the last one is wrong clean, and right under shot noise.
CLEAN = np.array([1, 1, 1, 1, 0], bool)
TRANSFORMED = np.array(
  [
    [1, 0, 1, 0, 1],
    [1, 0, 1, 0, 1],
    [1, 0, 0, 0, 1],
    [1, 1, 1, 0, 0],
    [0, 0, 1, 0, 0],
  ],
  bool,
)


def _values(report):
  """All point estimates of a risk."""
  found = {}

  def walk(where, part):
    if isinstance(part, dict):
      for name, value in part.items():
        if name not in ("low", "high"):
          walk((*where, name), value)
    elif isinstance(part, list):
      for i, value in enumerate(part):
        walk((*where, i), value)
    else:
      found[where] = part

  walk((), dataclasses.asdict(report))
  found.pop(("examples",))
  found.pop(("clean_correct",))
  return found


def test_risk_by_hand():
  report = risk(_outcomes(CLEAN, TRANSFORMED), tolerance=20)
  noise = report.families["noise"]
  assert noise.risk.value == pytest.approx(100 * (0 + 3 / 4 + 1 / 4) / 3)
  assert report.families["blur"].risk.value == 100
  # Families count alike, whatever their weights and however many conditions.
  assert report.overall.risk.value == pytest.approx((100 / 3 + 100) / 2)
  assert report.worst_family == "blur"
  assert (report.clean_correct, report.clean_accuracy) == (4, 80)
  # One image gained in one of three conditions, per image right clean.
  assert noise.improvement == pytest.approx(100 / 4 / 3)
  assert noise.accuracy == pytest.approx(100 * (4 + 1 + 4) / 15)
  gaussian = noise.transformations["gaussian"]
  assert [s.risk.value for s in gaussian.severities] == [0, 75]
  assert [s.weight for s in gaussian.severities] == pytest.approx([1 / 3] * 2)
  assert gaussian.breaks_at == 2
  # At severity 2, 75 of gaussian noise and 25 of shot noise.
  curve = [(point.severity, point.risk) for point in noise.curve]
  assert curve == [(1, 0), (2, pytest.approx(50))]
  assert noise.breaks_at == 2
  assert "identity" not in noise.transformations
  assert report.invariance_tests["identity"].risk.value == 25
  assert report.invariance_tests["identity"].breaks_at == 0


def test_net_risk_is_the_fraction_of_accuracy_lost():
  report = risk(_random(200, 0), draws=10)
  for row in (report.overall, *report.families.values()):
    lost = 100 * (1 - row.accuracy / report.clean_accuracy)
    assert row.net == pytest.approx(lost)


@pytest.mark.parametrize(("kept", "value"), [(True, 0), (False, 100)])
def test_the_ends_of_the_scale(kept, value):
  clean = np.repeat([True, False], [50, 10])
  report = risk(_outcomes(clean, np.full((60, 5), kept)), draws=20)
  row = report.overall
  assert row.risk.value == value
  # 1 - 0.025^(1/50): fifty images do not exclude what they do not show.
  ends = {0: (0, 7.1), 100: (92.9, 100)}[value]
  assert (row.risk.low, row.risk.high) == pytest.approx(ends, abs=0.05)
  assert report.families["noise"].breaks_at == (None if kept else 1)


def test_order_does_not_matter_and_copies_leave_the_estimates():
  one = _random(60, 1)
  order = np.random.default_rng(0).permutation(60)
  shuffled = _outcomes(one.clean[order], one.transformed[order])
  twice = _outcomes(np.tile(one.clean, 2), np.tile(one.transformed, (2, 1)))
  expected = _values(risk(one, draws=10))
  for other in (shuffled, twice):
    values = _values(risk(other, draws=10))
    assert values == pytest.approx(expected)


def test_weights_count_relative_to_their_family():
  one = _random(60, 2)
  scaled = [dataclasses.replace(c, weight=7 * c.weight) for c in CONDITIONS]
  other = _outcomes(one.clean, one.transformed, scaled)
  assert _values(risk(other, draws=10)) == pytest.approx(
    _values(risk(one, draws=10))
  )


def test_the_same_answers_in_many_columns_are_no_more_images():
  one = _random(80, 3, conditions=[Condition("noise", "shot", 1)])
  many = [Condition("noise", "shot", s) for s in range(20)]
  copied = _outcomes(one.clean, np.tile(one.transformed, (1, 20)), many)
  single, repeated = (risk(o).overall.risk for o in (one, copied))
  np.testing.assert_allclose(
    dataclasses.astuple(single), dataclasses.astuple(repeated)
  )


def test_a_failure_without_labels_is_a_prediction_that_changed():
  clean = np.array([3, 1, 2, 2])
  transformed = np.array([[3, 0], [1, 1], [0, 2], [2, 2]])
  conditions = [Condition("noise", "shot", s) for s in (1, 2)]
  outcomes = from_predictions("abcd", clean, transformed, conditions)
  report = risk(outcomes, draws=10)
  assert report.overall.risk.value == 25
  assert report.overall.improvement == 0
  assert (report.labeled, report.clean_accuracy) == (False, None)
  labeled = from_predictions(
    "abcd", clean, transformed, conditions, labels=np.array([3, 0, 0, 2])
  )
  # Of images 0 and 3, each under two severities, one answer is lost.
  assert risk(labeled, draws=10).overall.risk.value == 25
  assert risk(labeled, draws=10).overall.improvement == 25
  assert risk(labeled, draws=10).clean_accuracy == 50


def test_no_answer_is_a_failure_even_without_labels():
  clean, transformed = np.array([-1, 2, 2]), np.array([[-1], [-1], [2]])
  conditions = [Condition("noise", "shot", 1)]
  outcomes = from_predictions("abc", clean, transformed, conditions)
  assert outcomes.clean.tolist() == [False, True, True]
  assert outcomes.transformed[:, 0].tolist() == [False, False, True]


def test_reports_are_json():
  a, b = _random(40, 4), _random(40, 5)
  report, comparison = risk(a, draws=10), compare_risks(a, b, draws=10)
  judged = gate(report, Thresholds(max_overall=50))
  for record in (report, comparison, judged, risk_by_slice(a, [0, 1] * 20)[0]):
    plain = dataclasses.asdict(record)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"ids": ("a", "b", "a", "c", "d")}, "1 examples repeat the id .*'a'"),
    ({"clean": CLEAN[:4]}, r"clean of shape \(4,\): expected \[5\]"),
    ({"transformed": TRANSFORMED.T[:4]}, r"expected \[5, 5\]"),
    ({"transformed": np.where(TRANSFORMED, 1, np.nan)}, "dtype float64"),
    ({"ids": ()}, "no examples"),
    ({"conditions": CONDITIONS[-1:]}, "1 conditions, none"),
    ({"conditions": ()}, "0 conditions, none"),
    ({"conditions": CONDITIONS[:4] + CONDITIONS[:1]}, "is repeated"),
    (
      {"conditions": (*CONDITIONS[:4], Condition("blur", "a", 1, 0.0))},
      "weight = 0.0 of a",
    ),
    (
      {"conditions": (*CONDITIONS[:4], Condition("blur", "a", np.nan))},
      "severity = nan of a",
    ),
  ],
)
def test_outcomes_that_cannot_be_are_refused(change, message):
  expected = {
    "ids": tuple("abcde"),
    "clean": CLEAN,
    "transformed": TRANSFORMED,
    "conditions": CONDITIONS,
  }
  with pytest.raises(ValueError, match=message):
    Outcomes(**expected | change)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"clean": np.array([0.0, np.nan])}, "clean predictions of dtype float64"),
    ({"labels": np.array([0.5, 1])}, "labels of dtype float64"),
    ({"labels": np.array([1])}, r"labels of shape \(1,\): expected \[2\]"),
    ({"transformed": np.zeros((2, 4), int)}, r"expected \[2, 5\]"),
  ],
)
def test_predictions_that_cannot_be_are_refused(change, message):
  expected = {
    "ids": ("a", "b"),
    "clean": np.zeros(2, int),
    "transformed": np.zeros((2, 5), int),
    "conditions": CONDITIONS,
  }
  with pytest.raises(ValueError, match=message):
    from_predictions(**expected | change)


def test_a_model_that_knows_nothing_has_nothing_to_lose():
  wrong = _outcomes(np.zeros(5, bool), TRANSFORMED)
  with pytest.raises(ValueError, match="none of 5 clean"):
    risk(wrong)
  right = _outcomes(CLEAN, TRANSFORMED)
  with pytest.raises(ValueError, match="new classifies none of 5"):
    compare_risks(right, wrong, ("old", "new"))


def _with_more_noise(outcomes, fraction, seed=0):
  """The same model, wrong under more of the noise."""
  transformed = outcomes.transformed.copy()
  drawn = np.random.default_rng(seed).random((len(transformed), 3)) < fraction
  transformed[:, :3] &= ~drawn
  return dataclasses.replace(outcomes, transformed=transformed)


def test_a_model_that_lost_is_told_apart_where_it_lost():
  a = _random(400, 6)
  b = _with_more_noise(a, 0.2)
  found = compare_risks(a, b, ("old", "new"))
  expected = risk(b, draws=10).overall.risk.value
  expected -= risk(a, draws=10).overall.risk.value
  assert found.overall.difference.value == pytest.approx(-expected)
  assert found.families["noise"].verdict == "A better"
  assert "noise of old is less than that of new" in (
    found.families["noise"].sentence
  )
  blur = found.families["blur"]
  assert (blur.verdict, blur.p_value) == ("no significant difference", 1)
  assert blur.difference.low < 0 < blur.difference.high
  assert found.clean.difference.value == 0
  gaussian, *_, identity = found.conditions
  assert gaussian.only_a_lost == 0
  assert (
    gaussian.only_b_lost
    == (a.clean & a.transformed[:, 0] & ~b.transformed[:, 0]).sum()
  )
  assert gaussian.p_value < gaussian.p_adjusted < 0.01
  assert (identity.only_a_lost, identity.only_b_lost) == (0, 0)


@pytest.mark.parametrize("level", [0.95, 0.995, 0.9999])
def test_families_are_told_apart_at_any_level(level):
  """The test of random signs is fine enough for what Holm multiplies it by."""
  rng = np.random.default_rng(0)
  answers = rng.random((400, 12)) < 0.95
  worse = answers & (rng.random((400, 12)) < 0.7)
  conditions = [Condition(f"family {i}", "change", 1) for i in range(12)]
  a, b = (
    _outcomes(np.ones(400, bool), one, conditions) for one in (answers, worse)
  )
  found = compare_risks(a, b, level=level, draws=500)
  assert {d.verdict for d in found.families.values()} == {"A better"}


def test_a_comparison_turned_round_is_its_own_negative():
  a, b = _random(150, 7), _random(150, 8, right=0.7)
  there, back = compare_risks(a, b, draws=400), compare_risks(b, a, draws=400)
  opposite = {"A better": "B better", "B better": "A better"}
  for one, other in (
    (there.overall, back.overall),
    (there.clean, back.clean),
    *zip(there.families.values(), back.families.values(), strict=True),
  ):
    d, e = one.difference, other.difference
    np.testing.assert_allclose(
      [d.value, d.low, d.high], [-e.value, -e.high, -e.low], atol=1e-9
    )
    assert one.p_value == other.p_value
    assert other.verdict == opposite.get(one.verdict, one.verdict)


def test_pairing_cancels_what_is_hard_for_both():
  a = _random(300, 9)
  b = _with_more_noise(a, 0.05)
  width = lambda e: e.high - e.low
  paired = compare_risks(a, b).overall.difference
  assert width(paired) < 0.5 * width(risk(a).overall.risk)


def test_models_that_are_alike_are_seldom_told_apart():
  conditions = [Condition(f"family {i}", "t", 1) for i in range(6)]
  rounds, alarms = 60, 0
  for seed in range(rounds):
    pair = [_random(100, (seed, m), conditions=conditions) for m in (0, 1)]
    found = compare_risks(*pair, draws=300, seed=seed)
    alarms += any(
      f.verdict != "no significant difference" for f in found.families.values()
    )
  # Holm keeps one false alarm of six below 5 %: 3 of 60, and three deviations
  # of that many trials. Without Holm a quarter would be expected, 15.
  assert alarms <= 3 + 3 * np.sqrt(60 * 0.05 * 0.95)


def test_models_that_fail_apart_meet_the_test_of_two_proportions():
  # A is right about 950 images and loses a fifth, B about 300 and loses 71.
  rng = np.random.default_rng(0)
  models = []
  for num_clean, num_lost in ((950, 190), (300, 71)):
    order = rng.permutation(1000)
    clean, kept = np.zeros(1000, bool), np.ones((1000, 1), bool)
    clean[order[:num_clean]] = True
    kept[order[:num_lost]] = False
    models.append(_outcomes(clean, kept, [Condition("noise", "t", 1)]))
  found = compare_risks(*models, draws=10_000).families["noise"]
  together = (190 + 71) / (950 + 300)
  error = np.sqrt(together * (1 - together) * (1 / 950 + 1 / 300))
  p_value = 2 * scipy.special.ndtr((190 / 950 - 71 / 300) / error)
  # Four deviations of sampling 10,000 signs, and what the 285 images that both
  # are right about may add to the variance, 8 % of it at most.
  noise = 4 * np.sqrt(p_value * (1 - p_value) / 10_000) + 0.015
  assert abs(found.p_value - p_value) < noise


def test_a_comparison_without_labels_has_no_accuracies():
  predictions = np.arange(10)
  transformed = np.tile(predictions[:, None], (1, 5))
  same = from_predictions(range(10), predictions, transformed, CONDITIONS)
  assert compare_risks(same, same, draws=10).clean is None


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"ids": tuple("abcdf")}, "4 of them the same"),
    ({"ids": tuple("bacde")}, "5 of them the same: expected .* same order"),
    ({"conditions": (*CONDITIONS[:4], Condition("b", "c", 1))}, "weights"),
    ({"labeled": False}, "for one model alone"),
  ],
)
def test_models_asked_otherwise_are_not_compared(change, message):
  a = Outcomes(tuple("abcde"), CLEAN, TRANSFORMED, CONDITIONS)
  with pytest.raises(ValueError, match=message):
    compare_risks(a, dataclasses.replace(a, **change))


def test_models_need_different_names():
  a = _random(5, 0)
  with pytest.raises(ValueError, match="two different"):
    compare_risks(a, a, ("net", "net"))


@pytest.fixture(scope="module")
def judged():
  """(risk, comparison): noise about 24 (22 to 26), 12 more than before."""
  before = _random(1000, 10)
  after = _with_more_noise(before, 0.2)
  return risk(after), compare_risks(after, before, ("new", "old"))


@pytest.mark.parametrize(
  ("thresholds", "outcome", "exit_code"),
  [
    ({"max_risk": {"noise": 80}}, "pass", 0),
    ({"max_risk": {"noise": 10}}, "fail", 1),
    ({"max_risk": {"noise": "value"}}, "inconclusive", 3),
    ({"max_overall": 80}, "pass", 0),
    ({"max_overall": 5}, "fail", 1),
    ({"max_overall": 5, "max_risk": {"noise": 80}}, "fail", 1),
    ({"max_overall": 5, "min_samples": 950}, "inconclusive", 3),
    ({"max_overall": 80, "min_samples": 950}, "inconclusive", 3),
    ({"max_regression": 50}, "pass", 0),
    ({"max_regression": 2}, "fail", 1),
    ({"max_invariance_tests": {"identity": 50}}, "pass", 0),
    ({"max_invariance_tests": {"identity": 0}}, "fail", 1),
  ],
)
def test_the_gate(judged, thresholds, outcome, exit_code):
  report, comparison = judged
  if thresholds.get("max_risk") == {"noise": "value"}:
    value = report.families["noise"].risk.value
    thresholds = {"max_risk": {"noise": value}}
  found = gate(report, Thresholds(**thresholds), comparison)
  assert (found.outcome, found.exit_code) == (outcome, exit_code)
  strict = gate(report, Thresholds(**thresholds), comparison, strict=True)
  assert strict.outcome == {"pass": "pass"}.get(outcome, "fail")
  assert all(check.reason.endswith(".") for check in found.checks)


def test_a_gate_of_few_examples_speaks_of_images_and_objects_alike(judged):
  report, _ = judged
  (check,) = gate(report, Thresholds(max_overall=5, min_samples=950)).checks
  assert f"of {report.clean_correct} examples that are right" in check.reason


def test_a_regression_is_looked_for_in_every_family(judged):
  report, comparison = judged
  found = gate(report, Thresholds(max_regression=2), comparison)
  outcomes = {check.name: check.outcome for check in found.checks}
  assert outcomes["risk under noise beyond that of old"] == "fail"
  assert outcomes["risk under blur beyond that of old"] == "pass"


def test_what_never_fails_passes_a_threshold_of_nothing():
  clean = np.ones(20, bool)
  report = risk(_outcomes(clean, np.ones((20, 5), bool)), draws=10)
  # The interval would be 0 to 17, and no number of images would do.
  basic = Thresholds(max_invariance_tests={"identity": 0})
  assert gate(report, basic).outcome == "pass"
  assert gate(report, Thresholds(max_overall=10)).outcome == "inconclusive"


@pytest.mark.parametrize(
  ("thresholds", "message"),
  [
    ({}, "no thresholds"),
    ({"max_risk": {"weather": 1}}, r"'weather'.*\['noise', 'blur'\]"),
    ({"max_invariance_tests": {"flip": 1}}, r"'flip'.*\['identity'\]"),
    ({"max_overall": float("nan")}, "threshold = nan"),
    ({"max_overall": 101}, "threshold = 101"),
    ({"max_regression": 2}, "without a baseline"),
  ],
)
def test_thresholds_that_cannot_be_meant_are_refused(
  judged, thresholds, message
):
  with pytest.raises(ValueError, match=message):
    gate(judged[0], Thresholds(**thresholds))


def test_slices_are_the_risk_of_their_images():
  one = _random(90, 11)
  groups = np.repeat(["day", "night", "lost"], 30)
  clean = one.clean & (groups != "lost")
  one = dataclasses.replace(one, clean=clean)
  rows = {row.name: row for row in risk_by_slice(one, groups)}
  assert list(rows) == ["day", "lost", "night"]
  assert (rows["lost"].risk, rows["lost"].clean_accuracy) == (None, 0)
  for name in ("day", "night"):
    here = groups == name
    alone = risk(_outcomes(one.clean[here], one.transformed[here]))
    assert rows[name].examples == 30
    assert rows[name].clean_accuracy == alone.clean_accuracy
    np.testing.assert_allclose(
      dataclasses.astuple(rows[name].risk),
      dataclasses.astuple(alone.overall.risk),
    )
    assert rows[name].families == pytest.approx(
      {f: row.risk.value for f, row in alone.families.items()}
    )


def test_every_image_is_of_a_slice():
  with pytest.raises(ValueError, match="2 groups for 5 examples"):
    risk_by_slice(_outcomes(CLEAN, TRANSFORMED), [0, 1])
