"""Intervals and tests against SciPy's, closed forms and their own promises."""

import numpy as np
import pytest
import scipy.stats

from robust_jax.statistics.bootstrap import (
  bootstrap,
  exact_interval_if_degenerate,
)
from robust_jax.statistics.hypothesis_tests import holm, mcnemar, sign_flip_test
from robust_jax.statistics.resampling import join, resample


def _ratio(sums):
  return sums[..., 1:] / sums[..., :1]


def _skewed(size, seed=0):
  rng = np.random.default_rng(seed)
  weight = rng.uniform(0.5, 1.5, size)
  return np.column_stack([weight, weight * rng.exponential(size=size)])


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_of_the_same_draws_scipy_makes_the_same_interval(method):
  table = _skewed(40)
  ours = bootstrap(table, _ratio, draws=500, level=0.9, method=method)

  def ratio(numerator, denominator, axis):
    return numerator.sum(axis=axis) / denominator.sum(axis=axis)

  data = (table[:, 1], table[:, 0])
  theirs = scipy.stats.bootstrap(
    data, ratio, paired=True, n_resamples=2, method="percentile"
  )
  theirs.bootstrap_distribution = ours.draws[:, 0]
  interval = scipy.stats.bootstrap(
    data,
    ratio,
    paired=True,
    n_resamples=0,
    bootstrap_result=theirs,
    confidence_level=0.9,
    method=method,
  ).confidence_interval
  np.testing.assert_allclose([ours.low[0], ours.high[0]], interval, rtol=1e-12)


def test_draws_have_the_moments_of_resampled_means():
  values = np.random.default_rng(1).normal(size=(50, 1))
  draws = bootstrap(values, lambda sums: sums / 50, draws=4000).draws[:, 0]
  error = values.std() / np.sqrt(50)
  # Four standard errors of a mean and of a deviation of 4000 normal draws.
  assert abs(draws.mean() - values.mean()) < 4 * error / np.sqrt(4000)
  assert abs(draws.std() / error - 1) < 4 / np.sqrt(2 * 4000)


def test_one_seed_gives_one_interval():
  table = _skewed(30)
  first, same = (bootstrap(table, _ratio, draws=50, seed=3) for _ in range(2))
  other = bootstrap(table, _ratio, draws=50, seed=4)
  np.testing.assert_array_equal(first.draws, same.draws)
  assert not np.array_equal(first.draws, other.draws)


def test_intervals_hold_the_truth_as_often_as_they_say():
  rounds, level = 300, 0.9
  rng = np.random.default_rng(2)
  held = 0
  for seed in range(rounds):
    table = np.ones((100, 2))
    table[:, 1] = rng.exponential(size=100)
    result = bootstrap(table, _ratio, draws=400, level=level, seed=seed)
    held += result.low[0] <= 1 <= result.high[0]
  # BCa is exact to the order of 1/N = 0.01, whose constant is about 1 for an
  # exponential mean; the rest is three deviations of 300 trials.
  noise = 3 * np.sqrt(level * (1 - level) / rounds)
  assert abs(held / rounds - level) < 0.01 + noise


def test_bca_shifts_the_interval_of_a_skewed_mean_towards_its_tail():
  table = _skewed(40)
  bca, percentile = (
    bootstrap(table, _ratio, method=method) for method in ("bca", "percentile")
  )
  assert bca.low[0] > percentile.low[0]
  assert bca.high[0] > percentile.high[0]


def test_images_that_all_agree_leave_an_exact_interval():
  table = np.column_stack([np.ones(100), np.zeros(100), np.ones(100)])
  result = bootstrap(table, _ratio, draws=20)
  assert result.low.tolist() == result.high.tolist() == [0, 1]
  widened = exact_interval_if_degenerate(result, (0.0, 1.0), 100)
  never = scipy.stats.binomtest(0, 100).proportion_ci(0.95, method="exact")
  always = scipy.stats.binomtest(100, 100).proportion_ci(0.95, method="exact")
  np.testing.assert_allclose(
    [widened.low, widened.high], np.transpose([never, always]), atol=1e-12
  )


def test_images_that_differ_keep_the_interval_of_the_bootstrap():
  result = bootstrap(_skewed(20), _ratio, draws=20)
  widened = exact_interval_if_degenerate(result, (0.0, 1.0), 20)
  assert (widened.low, widened.high) == (result.low, result.high)


def test_draws_that_say_nothing_are_left_out():
  # One of three images counts, and three in ten resamples do without it.
  table = np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
  result = bootstrap(table, _ratio, draws=100)
  assert np.isnan(result.draws).any()
  assert (result.low, result.high) == (1, 1)
  # And of one image nothing is known: 1 - 0.025 may be of another kind.
  widened = exact_interval_if_degenerate(result, (0.0, 1.0), 1)
  assert (widened.low, widened.high) == (pytest.approx(0.025), 1)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"table": np.zeros((0, 2))}, r"shape \(0, 2\)"),
    ({"table": np.array([[1.0, np.nan]])}, "1 values that are not finite"),
    ({"table": np.zeros((3, 2))}, "statistic of all 3 examples"),
    ({"draws": 0}, "draws = 0"),
    ({"level": 95}, "level = 95"),
    ({"method": "normal"}, "'bca' or 'percentile'"),
  ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_bootstrap_of_nothing_is_refused(change, message):
  expected = {"table": _skewed(5), "statistic": _ratio} | change
  with pytest.raises(ValueError, match=message):
    bootstrap(**expected)


def test_mcnemar_is_the_binomial_test():
  only_a, only_b = np.meshgrid(np.arange(12), np.arange(12))
  p_values = mcnemar(only_a, only_b)
  for a, b, p in zip(only_a.flat, only_b.flat, p_values.flat, strict=True):
    exact = scipy.stats.binomtest(a, a + b).pvalue if a + b else 1.0
    assert p == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("counts", [(-1, 2), (1.5, 2)])
def test_mcnemar_counts(counts):
  with pytest.raises(ValueError, match="whole numbers"):
    mcnemar(*counts)


def test_holm_by_hand():
  # 4 * 0.005, 3 * 0.01, 2 * 0.03, and 0.04 no smaller than the one before.
  adjusted = holm([0.01, 0.04, 0.03, 0.005])
  np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02])
  assert holm([0.2]) == [0.2]
  assert holm([0.6, 0.7]).tolist() == [1, 1]
  assert holm([]).size == 0


@pytest.mark.parametrize("p_values", [[0.5, np.nan], [1.1], 0.5])
def test_holm_takes_p_values(p_values):
  with pytest.raises(ValueError, match="from 0 to 1"):
    holm(p_values)


@pytest.mark.parametrize("counts", [(5, 0), (4, 0), (7, 2), (3, 3)])
def test_flipping_yes_and_no_is_mcnemars_test(counts):
  differences = np.repeat([1, -1, 0], [*counts, 10])[:, None]
  exact = float(mcnemar(*counts))
  (p_value,) = sign_flip_test(differences, draws=4000)
  # Four deviations of the sampling of 4000 signs, and the one counted.
  noise = 4 * np.sqrt(exact * (1 - exact) / 4000) + 1 / 4000
  assert abs(p_value - exact) <= noise


def test_flipping_is_scipys_permutation_test():
  differences = np.random.default_rng(3).normal(0.3, 1, (9, 2))
  found = sign_flip_test(differences, draws=4000)
  for column, p_value in zip(differences.T, found, strict=True):
    exact = scipy.stats.permutation_test(
      (column,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    # Four deviations of sampling 4000 of the 512 signs, and the one counted.
    noise = 4 * np.sqrt(exact * (1 - exact) / 4000) + 1 / 4000
    assert abs(p_value - exact) <= noise


def test_one_coin_is_tossed_for_all_that_is_known_of_an_image():
  differences = np.random.default_rng(4).normal(size=(9, 1))
  scaled = differences * [1, 7, -1]
  first, *others = sign_flip_test(scaled, draws=100)
  assert others == [first, first]


def test_models_that_agree_everywhere_are_not_told_apart():
  assert sign_flip_test(np.zeros((10, 1)), draws=50) == [1]


@pytest.mark.parametrize(
  ("change", "message"),
  [
    ({"differences": np.array([[np.nan]])}, "1 that are not finite"),
    ({"differences": np.zeros(3)}, r"shape \(3,\)"),
    ({"draws": 0}, "draws = 0"),
  ],
)
def test_differences_that_cannot_be_are_refused(change, message):
  with pytest.raises(ValueError, match=message):
    sign_flip_test(**{"differences": np.ones((3, 1))} | change)


def _weighted_ratio(table):
  return lambda counts: _ratio(counts @ table)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_statistics_of_counts_and_of_sums_have_the_same_intervals(method):
  table = _skewed(40)
  expected = bootstrap(table, _ratio, draws=200, method=method, seed=5)
  drawn = resample(_weighted_ratio(table), 40, draws=200, seed=5)
  for one, other in zip(drawn.bootstrap(0.95, method), expected, strict=True):
    np.testing.assert_allclose(one, other)


def test_contributions_have_the_value_as_their_mean():
  table = _skewed(30)
  found = resample(_weighted_ratio(table), 30, draws=5)
  np.testing.assert_allclose(found.contributions().mean(axis=0), found.value)
  x = np.random.default_rng(0).normal(size=(30, 2))
  mean = lambda counts: counts @ x / counts.sum(axis=1, keepdims=True)
  np.testing.assert_allclose(resample(mean, 30, draws=5).contributions(), x)


def test_statistics_side_by_side_are_of_the_same_draws():
  table = _skewed(25)
  one = resample(_weighted_ratio(table), 25, draws=9)
  both = join([one, one]).then(lambda pair: pair[..., :1] - pair[..., 1:])
  for part in both:
    assert not part.any()
  with pytest.raises(ValueError, match=r"\(25, 8\), \(25, 9\)"):
    join([one, resample(_weighted_ratio(table), 25, draws=8)])


def test_many_examples_are_resampled_in_parts():
  table = _skewed(1500)
  found = resample(_weighted_ratio(table), 1500, draws=1000)
  total = table.sum(axis=0)
  np.testing.assert_allclose(found.without_one, _ratio(total - table))
  assert found.drawn.shape == (1000, 1)


def test_nothing_cannot_be_resampled():
  with pytest.raises(ValueError, match="no examples"):
    resample(_weighted_ratio(_skewed(3)), 0)
