"""Means of fractions, and how two models differ in them."""

import numpy as np
import pytest

from robust_jax.statistics.hypothesis_tests import bonferroni
from robust_jax.statistics.proportions import (
  compare_proportions,
  mean_proportion,
)

RNG = np.random.default_rng(0)
A, B = RNG.random((2, 200)) < [[0.9], [0.7]]
OPTIONS = {"names": ("A", "B"), "what": "accuracy", "less_is_better": False}


def test_the_mean_lies_in_its_interval():
  found = mean_proportion(A)
  assert found.value == pytest.approx(100 * A.mean())
  assert found.low < found.value < found.high
  narrow = mean_proportion(A, level=0.5)
  assert found.low < narrow.low < narrow.high < found.high


def test_what_never_happened_may_yet_happen():
  # Clopper and Pearson: none of n, at 95 %.
  found = mean_proportion(np.zeros(30))
  assert (found.value, found.low) == (0, 0)
  assert found.high == pytest.approx(100 * (1 - 0.025 ** (1 / 30)))


def test_a_difference_turned_round_has_the_other_sign():
  one, other = (
    compare_proportions(a, b, **OPTIONS).difference for a, b in ((A, B), (B, A))
  )
  assert one.value == pytest.approx(100 * (A.mean() - B.mean()))
  assert other.value == pytest.approx(-one.value)
  assert other.high == pytest.approx(-one.low, abs=1)


def test_signs_tell_what_the_exact_test_tells():
  exact = compare_proportions(A, B, **OPTIONS)
  signs = compare_proportions(A * 1.0, B * 1.0, **OPTIONS)
  assert exact.difference == signs.difference
  assert exact.verdict == signs.verdict == "A better"
  near = compare_proportions(A, np.roll(A, 1), **OPTIONS)
  tossed = compare_proportions(A * 1.0, np.roll(A, 1) * 1.0, **OPTIONS)
  assert tossed.p_value == pytest.approx(near.p_value, abs=0.03)
  assert near.verdict == "no significant difference"


def test_less_may_be_better():
  options = OPTIONS | {"less_is_better": True}
  assert compare_proportions(A, B, **options).verdict == "B better"


def test_many_questions_take_more_draws_and_a_higher_level():
  assert bonferroni(0.95, 0) == bonferroni(0.95, 1)
  assert bonferroni(0.95, 1) == (pytest.approx(0.95), 2000)
  level, draws = bonferroni(0.95, 100)
  assert level == pytest.approx(0.9995)
  # The smallest p-value is well below 1 - level.
  assert 1 / draws < (1 - level) / 2
