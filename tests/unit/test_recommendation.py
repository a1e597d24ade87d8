"""Recommendations of a comparison: by hand, and laws on random predictions."""

import itertools
import re

import numpy as np
import pytest

from robust_jax.comparison.report.recommendation import Results, recommendation
from robust_jax.statistics.class_coverage import class_coverage
from robust_jax.statistics.compare_risks import compare_risks
from robust_jax.statistics.outcomes import (
  Condition,
  Outcomes,
  from_predictions,
)
from robust_jax.statistics.risk import risk

CONDITIONS = (Condition("noise", "n", 1), Condition("blur", "b", 1))

NAMES = ("cat", "dog", "elk", "fox", "hen", "owl", "pig", "rat", "sow", "yak")


def _models(**fractions):
  """Name -> (fraction right clean, of those kept under both families)."""
  size, found = 1000, {}
  labels = np.arange(size) % len(NAMES)
  for name, (clean, kept) in fractions.items():
    right = np.arange(size) < clean * size
    stays = np.arange(size) < kept * clean * size
    found[name] = np.stack([right, right & stays, right & stays], axis=1)
  # Where it is wrong, the next class is answered.
  return labels, {
    n: (labels[:, None] + ~r) % len(NAMES) for n, r in found.items()
  }


def _recommend(**fractions):
  return _of_answers(*_models(**fractions))


def _results(risks, pairs, coverage):
  accuracies = {
    name: (one.clean_accuracy, one.overall.accuracy)
    for name, one in risks.items()
    if one.labeled
  }
  return Results(risks, pairs, coverage, accuracies, NAMES)


def _of_answers(labels, models):
  return _compared(labels, models)[0]


def _compared(labels, models, labeled=True):
  """The recommendation, and the comparisons of pairs that it is made of."""
  outcomes = {
    name: from_predictions(
      range(len(labels)),
      a[:, 0],
      a[:, 1:],
      CONDITIONS,
      labels if labeled else None,
    )
    for name, a in models.items()
  }
  pairs = [
    compare_risks(outcomes[a], outcomes[b], (a, b), draws=200)
    for a, b in itertools.combinations(outcomes, 2)
  ]
  risks = {n: risk(o, draws=200) for n, o in outcomes.items()}
  coverage = {
    n: class_coverage(o, models[n][:, 0], draws=200)
    for n, o in outcomes.items()
  }
  return recommendation(_results(risks, pairs, coverage)), pairs


def test_less_risk_at_equal_accuracy():
  found = _recommend(a=(0.9, 0.5), b=(0.9, 0.8))
  assert (found.deploy, found.confidence) == ("b", "high")
  assert found.headline == (
    "Deploy b rather than a: it is better in accuracy on changed examples and "
    "overall risk."
  )
  assert any("1 in" in reason for reason in found.reasons)


def test_equal_models_do_not_differ():
  found = _recommend(a=(0.9, 0.8), b=(0.9, 0.8))
  assert found.deploy is None
  assert (
    found.confidence == "no significant difference in accuracy or overall risk"
  )


def _unstable_and_stable(gained):
  """Both are right about 900 of 1,000 images as they are.

  Changed, a loses 60 of them and is right about 45 others; b loses 20 and is
  right about `gained` others.
  """
  labels = np.arange(1000) % len(NAMES)
  right = np.ones((2, 1000, 3), bool)
  right[:, 900:] = False
  right[0, :60, 1:] = right[1, :20, 1:] = False
  right[0, 900:945, 1:] = right[1, 900 : 900 + gained, 1:] = True
  a, b = (labels[:, None] + ~right) % len(NAMES)
  return labels, {"a": a, "b": b}


def test_less_risk_alone_decides_where_accuracies_agree():
  found = _of_answers(*_unstable_and_stable(10))
  assert (found.deploy, found.confidence) == ("b", "high by overall risk alone")
  assert found.headline == (
    "Deploy b rather than a: it is better in overall risk."
  )


def test_less_risk_alone_does_not_win_against_accuracy_on_changed_images():
  # b is right about 880 of the changed images, and a about 885.
  found = _of_answers(*_unstable_and_stable(0))
  assert (found.deploy, found.confidence) == (
    None,
    "no significant difference in accuracy",
  )
  assert found.headline == (
    "a and b do not differ significantly in clean accuracy, accuracy on "
    "changed examples, balanced clean accuracy or balanced accuracy on changed "
    "examples; b has less overall risk."
  )


def test_more_accuracy_may_outweigh_more_risk():
  # 0.9 x 0.7 > 0.6 x 0.8: a is right more often, clean and changed.
  found = _recommend(a=(0.9, 0.7), b=(0.6, 0.8))
  assert found.deploy == "a"
  assert any("risk of b is less" in caution for caution in found.cautions)


def test_otherwise_it_depends_on_how_often_images_are_degraded():
  # a: 90 % and 45 %, b: 80 % and 64 %; equal where 10 (1 - p) = 19 p.
  found = _recommend(a=(0.9, 0.5), b=(0.8, 0.8))
  assert (found.deploy, found.confidence) == (None, "depends on your data")
  assert "up to about 34 %, a (90.0 % of clean" in found.reasons[0]
  assert "beyond 34 %, b (80.0 % of clean" in found.reasons[0]


def test_the_best_of_three():
  found = _recommend(a=(0.9, 0.5), b=(0.9, 0.8), c=(0.7, 0.5))
  assert found.deploy == "b"
  found = _recommend(a=(0.9, 0.8), b=(0.9, 0.8), c=(0.7, 0.5))
  assert found.deploy is None
  assert found.headline.startswith(
    "a and b do not differ significantly in clean"
  )
  assert (
    "c is worse than every other model in clean accuracy, accuracy on changed "
    "examples and overall risk."
  ) in found.reasons


def test_many_models_take_few_sentences():
  names = "abcde"
  found = _recommend(**{n: (0.9, 0.8) for n in names})
  assert found.deploy is None
  assert len(found.reasons) == 2
  assert "10 pairs of a, b, c, d and e" in found.reasons[1]
  found = _recommend(**{n: (0.8, 0.7) for n in names}, z=(0.9, 0.9))
  assert found.deploy == "z"
  assert len(found.reasons) < 10
  assert found.reasons[0].startswith(
    "z is better than every other model in clean accuracy, accuracy on "
  )


def test_a_model_near_chance_is_reported():
  found = _recommend(a=(0.9, 0.5), b=(0.12, 1.0))
  assert found.deploy == "a"
  assert "b classifies 12.0 %" in found.cautions[0]
  assert "always predicting cat would reach 10.0 %" in (found.cautions[0])


def test_a_constant_is_reported_and_loses():
  labels, models = _models(a=(0.9, 0.5))
  models["b"] = np.full_like(models["a"], 3)
  found = _of_answers(labels, models)
  assert (found.deploy, found.confidence) == ("a", "high")
  assert "b predicts the same class for all 1,000 clean" in found.cautions[0]


def test_the_class_that_loses_is_named():
  labels, models = _models(a=(0.6, 0.5))
  models["b"] = models["a"].copy()
  cats = np.flatnonzero(labels == 0)
  models["b"][labels > 0] = labels[labels > 0, None]
  # Eleven more of a hundred cats are right before, and are not any more.
  models["b"][cats[:60]] = 0
  models["b"][cats[:11]] = 1
  found = _of_answers(labels, models)
  assert (found.deploy, found.confidence) == ("b", "high")
  (caution,) = [c for c in found.cautions if "cat" in c]
  assert "less accurate than a on cat (clean: 49.0 % against" in caution
  # All of them: the mean does not say that.
  models["b"][cats] = 1
  found = _of_answers(labels, models)
  assert found.deploy is None
  models["a"][cats] = 1
  found = _of_answers(labels, models)
  assert found.deploy == "b"
  assert found.confidence == "high on average, not for every class"
  assert "a and b classify no example of cat correctly." in found.cautions


def test_a_bug_is_a_caution():
  flaky = (
    *CONDITIONS,
    Condition("invariance tests", "identity", 1),
  )
  right = np.ones(100, bool)
  transformed = np.ones((100, 3), bool)
  transformed[0, 2] = False
  outcomes = Outcomes(tuple(range(100)), right, transformed, flaky)
  found = recommendation(
    _results(
      {"a": risk(outcomes)},
      [],
      {"a": class_coverage(outcomes, np.arange(100))},
    )
  )
  (caution,) = found.cautions
  assert "predictions become wrong for 1.0 % (a) of examples" in caution


def _random_answers(seed):
  """Labels, and two to four models that are right about much the same images.

  They differ in how much they lose when images are changed, and in how much
  they are right about that they were wrong about before.
  """
  rng = np.random.default_rng(seed)
  num_classes = int(rng.integers(2, 5))
  size = int(rng.integers(50, 300))
  labels = rng.choice(num_classes, size, p=rng.dirichlet(np.ones(num_classes)))
  labels[:num_classes] = np.arange(num_classes)
  hard, draws = rng.random((size, 1)), rng.random((size, len(CONDITIONS)))
  skill = rng.uniform(0.5, 0.95)
  models = {}
  for name in "abcd"[: rng.integers(2, 5)]:
    own = skill + rng.choice([0.0, 0.05]) * rng.normal(size=(size, 1))
    own += 0.1 * (rng.random() < 0.2)
    clean = hard < own
    loses, gains = rng.uniform(0, 0.2), rng.choice([0.0, 0.2, 0.4])
    changed = np.where(clean, draws > loses, draws < gains)
    right = np.hstack([clean, changed])
    models[name] = (labels[:, None] + ~right) % num_classes
  return labels, models


SAME = re.compile(
  r"(?:(?P<count>\d+) pairs of )?(?P<names>.+) (?:do|does) not differ "
  r"significantly(?: from (?P<others>.+))? in (?P<whats>[^;.]+)"
  r"(?:; (?P<less>\w) has less)?"
)
SAME_PAIR = re.compile(
  r"The (.+) of (\w) and that of (\w) do not differ significantly: "
)
DIFFERENT_PAIR = re.compile(
  r"The (.+) of (\w) is (?:more|less) than that of (\w), by"
)
DIFFERENT = re.compile(
  r"(?:Deploy )?(\w) (?:is (better|worse)|rather) than (.+?)(?:: it is better)?"
  r" in (.+)\."
)


def _parts(text):
  return re.split(r", | and | or ", text or "")


def _check(sentence, pairs):
  """That a sentence says of measures what their intervals say."""
  found = {}
  for pair in pairs:
    for d in [*pair.measures.values(), *pair.families.values()]:
      better = {"A better": pair.a, "B better": pair.b}.get(d.verdict)
      same = d.difference.low <= 0 <= d.difference.high
      assert same == (better is None)
      found[frozenset((pair.a, pair.b)), d.what] = better
  better = lambda a, b, what: found[frozenset((a, b)), what]
  if said := SAME_PAIR.match(sentence):
    assert better(said[2], said[3], said[1]) is None
  elif said := SAME.match(sentence):
    names, whats = _parts(said["names"]), _parts(said["whats"])
    two = [*itertools.combinations(names, 2)]
    if said["others"]:
      two = [*itertools.product(names, _parts(said["others"]))]
    same = [better(*pair, what) is None for pair in two for what in whats]
    assert sum(same) == int(said["count"] or len(same))
    assert said["less"] == better(*two[0], "overall risk") or len(two) > 1
  else:
    assert "differ significantly" not in sentence
  if said := DIFFERENT_PAIR.match(sentence):
    assert better(said[2], said[3], said[1]) is not None
  elif said := DIFFERENT.match(sentence):
    others = _parts(said[3])
    if said[3] == "every other model":
      others = {n for p in pairs for n in (p.a, p.b)} - {said[1]}
    whats = _parts(said[4])
    if whats == ["one measure", "another"]:
      whats = []
    for other, what in itertools.product(others, whats):
      winner = other if said[2] == "worse" else said[1]
      assert better(said[1], other, what) == winner


SEEDS = 48


@pytest.fixture(scope="module")
def recommended():
  """Of random answers: the recommendation, and the comparisons of pairs."""
  return [
    _compared(*_random_answers(seed), labeled=seed % 6 > 0)
    for seed in range(SEEDS)
  ]


def test_every_sentence_says_what_the_intervals_say(recommended):
  for found, pairs in recommended:
    for sentence in (found.headline, *found.reasons, *found.cautions):
      _check(sentence, pairs)
    if "no significant" in found.confidence:
      assert (
        "accuracy" in found.confidence or "overall risk" in found.confidence
      )
  # Random answers lead to all that can be said.
  seen = {found.confidence for found, _ in recommended}
  assert seen >= {
    "high",
    "high by overall risk alone",
    "depends on your data",
    "no significant difference in accuracy",
    "no significant difference in accuracy or overall risk",
    "no significant difference in overall risk",
  }


def test_risk_alone_prefers_no_model_that_was_right_less_often(recommended):
  decided = 0
  for found, pairs in recommended:
    for pair in pairs:
      if found.deploy not in (pair.a, pair.b):
        continue
      accuracies = pair.accuracies.values()
      if all(d.verdict == "no significant difference" for d in accuracies):
        sign = 1 if pair.a == found.deploy else -1
        assert all(sign * d.difference.value > -1e-9 for d in accuracies)
        assert found.confidence == "high by overall risk alone"
        decided += len(accuracies) > 0
  assert decided
