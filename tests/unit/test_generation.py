"""Statistics of generated examples: closed forms, references, invariants."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from sklearn.neighbors import NearestNeighbors

from robust_jax import lookup, metrics
from robust_jax.evaluators.generation import (
  frechet_distance,
  kernel_distance,
  memorization,
  mode_coverage,
  neighborhoods,
)
from robust_jax.evaluators.generation import nearest as nearest_module
from robust_jax.evaluators.generation.compare import compare
from robust_jax.evaluators.generation.frechet_distance import (
  Moments,
  frechet_of_moments,
  moments,
)
from robust_jax.evaluators.generation.nearest import nearest
from robust_jax.evaluators.sample_quality import sample_quality
from robust_jax.models.inference import Generator, SplitModel
from robust_jax.models.per_channel import per_channel
from robust_jax.statistics.resampling import centered_interval

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(60, 4))
OTHER = RNG.normal(size=(50, 4)) * [1, 2, 0.5, 1] + 0.3
PAIRWISE = [
  lambda a, b: frechet_distance(a, b),
  lambda a, b: kernel_distance(a, b).value,
]
each_distance = pytest.mark.parametrize("distance", PAIRWISE)


def rotation(size):
  return scipy.stats.ortho_group.rvs(size, random_state=0)


# The Frechet distance.


def test_of_gaussians_whose_covariances_commute_it_is_known():
  """|m - m'|^2 + sum (s - s')^2 of their standard deviations, in any basis."""
  basis = rotation(4)
  a, b = np.array([1.0, 2.0, 0.0, 3.0]), np.array([2.0, 2.0, 0.5, 0.0])
  mean = np.array([1.0, 0.0, -1.0, 2.0])
  gaussian = lambda m, s: Moments(m, basis @ np.diag(s**2) @ basis.T)
  found = frechet_of_moments(gaussian(mean, a), gaussian(0 * mean, b))
  assert found == pytest.approx(np.sum(mean**2) + np.sum((a - b) ** 2))


def test_it_is_that_of_the_matrix_square_root():
  real, other = moments(REAL), moments(OTHER)
  root = scipy.linalg.sqrtm(real.covariance @ other.covariance)
  expected = np.square(real.mean - other.mean).sum() + np.trace(
    real.covariance + other.covariance - 2 * root.real
  )
  assert frechet_distance(REAL, OTHER) == pytest.approx(expected)


def test_few_examples_have_a_distance_to_themselves_of_zero():
  few = RNG.normal(size=(5, 30))
  assert frechet_distance(few, few) == pytest.approx(0, abs=1e-4)
  assert frechet_distance(few, 3 + few) == pytest.approx(30 * 9)


def test_counts_repeat_examples():
  counts = np.array([2, 0, 1, 3])
  repeated = moments(np.repeat(REAL[:4], counts, axis=0))
  for a, b in zip(moments(REAL[:4], counts), repeated, strict=True):
    np.testing.assert_allclose(a, b)


# The kernel distance.


def kernel(a, b):
  return (a @ b / len(a) + 1) ** 3


def test_the_kernel_distance_is_the_mean_over_all_pairs():
  x, y = REAL[:6], OTHER[:5]
  within = lambda s: np.mean(
    [kernel(*pair) for pair in itertools.permutations(s, 2)]
  )
  across = np.mean([kernel(a, b) for a in x for b in y])
  found = kernel_distance(x, y)
  assert found.value == pytest.approx(within(x) + within(y) - 2 * across)
  assert found.value == pytest.approx(
    found.real.mean() + found.generated.mean()
  )


def test_it_is_the_mean_of_that_of_all_subsets_of_one_size():
  """So its expectation is that of any number of examples: it is unbiased."""
  x, y = REAL[:6], OTHER[:6]
  subsets = list(itertools.combinations(range(6), 3))
  found = [
    kernel_distance(x[list(a)], y[list(b)]).value
    for a in subsets
    for b in subsets
  ]
  assert np.mean(found) == pytest.approx(kernel_distance(x, y).value)


# Both.


@each_distance
def test_a_distance_is_symmetric_and_blind_to_rotations_and_order(distance):
  found = distance(REAL, OTHER)
  assert distance(OTHER, REAL) == pytest.approx(found)
  assert distance(REAL[::-1], OTHER) == pytest.approx(found)
  turned = rotation(4)
  assert distance(REAL @ turned, OTHER @ turned) == pytest.approx(found)


@each_distance
def test_a_distance_grows_with_a_translation(distance):
  found = [distance(REAL, REAL + shift) for shift in (0.5, 1.0, 2.0)]
  assert 0 < found[0] < found[1] < found[2]


# Neighbors.


@pytest.mark.parametrize("entries", [40, 2**23])
def test_neighbors_are_those_of_scikit_learn_in_any_chunks(
  monkeypatch, entries
):
  monkeypatch.setattr(nearest_module, "_ENTRIES", entries)
  found = nearest(OTHER[:9], REAL, 3)
  finder = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(REAL)
  distances, rows = finder.kneighbors(OTHER[:9])
  np.testing.assert_array_equal(found.rows, rows)
  np.testing.assert_allclose(found.distances, distances)


def plain_neighborhoods(real, fake, k):
  """Of every pair of examples, one after the other."""
  distance = lambda a, b: np.linalg.norm(a - b)
  radius = lambda x, own: sorted(distance(x, other) for other in own)[k]
  in_real = np.array(
    [[distance(g, r) <= radius(r, real) for r in real] for g in fake]
  )
  in_fake = np.array(
    [[distance(g, r) <= radius(g, fake) for r in real] for g in fake]
  )
  return (
    in_real.any(axis=1),
    in_fake.any(axis=0),
    in_real.sum(axis=1) / k,
    in_real.any(axis=0),
  )


@pytest.mark.parametrize("entries", [50, 2**23])
def test_neighborhoods_are_those_of_a_plain_loop(monkeypatch, entries):
  monkeypatch.setattr(nearest_module, "_ENTRIES", entries)
  real, fake = REAL[:15], OTHER[:12]
  found = neighborhoods(real, fake, 2)
  expected = plain_neighborhoods(real, fake, 2)
  for a, b in zip(found, expected, strict=True):
    np.testing.assert_array_equal(a, b)


def test_a_sample_of_itself_is_precise_and_covers_everything():
  found = neighborhoods(REAL, REAL)
  for score in (found.precision, found.recall, found.coverage):
    assert score.mean() == 1
  far = neighborhoods(REAL, REAL + 1000)
  assert all(score.mean() == 0 for score in far)


def test_one_mode_of_two_is_precise_and_covers_half():
  real = np.concatenate([REAL[:30], REAL[30:] + 100])
  found = neighborhoods(real, REAL[:30])
  assert found.precision.mean() == 1
  assert found.recall.mean() == found.coverage.mean() == 0.5


# Classes.


def test_frequencies_of_classes():
  real = np.full(4, 10)
  same = mode_coverage(real, real)
  assert same.covered.all()
  assert same.total_variation == same.kl == 0
  one = mode_coverage(np.array([7, 0, 0, 0]), real)
  assert one.covered.tolist() == [True, False, False, False]
  assert one.total_variation == 0.75
  assert one.kl == pytest.approx(np.log(4))
  assert mode_coverage(np.array([96, 2, 1, 1]), real, 0.02).covered.sum() == 2
  assert mode_coverage(np.array([1, 1]), np.array([0, 5])).kl == np.inf


# Copies.


def test_copies_are_found_and_fresh_examples_are_not():
  train, test, fresh = RNG.normal(size=(3, 200, 4))
  found = memorization(train[:80], train, test)
  assert found.nearer_to_train.mean() == 1
  np.testing.assert_array_equal(found.train.rows[:, 0], np.arange(80))
  assert found.p_value < 1e-10
  clean = memorization(fresh, train, test)
  assert 0.4 < clean.nearer_to_train.mean() < 0.6
  assert clean.p_value > 0.05
  mirrored = memorization(fresh, test, train)
  np.testing.assert_allclose(
    mirrored.nearer_to_train, 1 - clean.nearer_to_train
  )


# Intervals.


def test_intervals_are_as_wide_as_the_estimates_of_other_samples_vary():
  draw = lambda seed: np.random.default_rng(seed).normal(size=(2, 150, 3))
  found = [compare(a, b + 0.4, draws=60) for a, b in map(draw, range(25))]
  for name in ("frechet_distance", "kernel_distance"):
    values = [each[name].value for each in found]
    widths = [each[name].high - each[name].low for each in found]
    ratio = np.mean(widths) / (2 * 1.96 * np.std(values))
    assert 0.6 < ratio < 1.6, name
    for each in found:
      assert each[name].low <= each[name].value <= each[name].high


def test_a_centered_interval_lies_around_a_biased_statistic():
  """The largest of a sample is seldom exceeded, and often not reached."""
  x = RNG.normal(size=50)
  largest = lambda counts: float(x[counts > 0].max())
  found = centered_interval(x.max(), largest, 50)
  assert found.low < x.max() < found.high


# Invalid input.


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: frechet_distance(REAL[:1], REAL), "1 real and 60 generated"),
    (lambda: kernel_distance(REAL, REAL[:, :2]), r"\(60, 4\) and \(60, 2\)"),
    (lambda: neighborhoods(REAL[:5], REAL), "5 real.*expected 6 or more"),
    (lambda: frechet_distance(REAL, np.nan * REAL), "are not finite"),
    (lambda: compare(REAL, OTHER), "60 real and 50 gen.*equally many"),
    (lambda: memorization(OTHER, REAL, OTHER), "60 training and 50 test"),
    (lambda: mode_coverage(np.ones(2), np.ones(3)), r"\(2,\) and \(3,\)"),
    (lambda: mode_coverage(np.zeros(2), np.ones(2)), "no examples"),
  ],
)
def test_what_cannot_be_compared_is_refused(call, message):
  with pytest.raises(ValueError, match=message):
    call()


# The evaluator that chooses checkpoints.


def evaluated(evaluator, generator, parts):
  """The summary of several batches of a loader."""
  total = None
  for i, x in enumerate(parts):
    batch = {"x": jnp.asarray(x, jnp.float32), "mask": jnp.ones(len(x))}
    found = evaluator.measure(generator, batch, jax.random.key(i))
    total = found if total is None else metrics.merge(total, found)
  return evaluator.summarize(metrics.result(total))


def test_the_distance_over_batches_is_that_of_all_held_out_examples():
  generator = Generator(lambda z: 2 * z + 1, 4)
  features = lambda x: jnp.tanh(x)
  evaluator = sample_quality(features, lambda x: x[:, :2])
  parts = [REAL[:20], REAL[20:60]]
  found = evaluated(evaluator, generator, parts)
  z = np.concatenate(
    [generator.sample(jax.random.key(i), len(x)) for i, x in enumerate(parts)]
  )
  real, generated = np.tanh(REAL), np.tanh(np.float64(z))
  biased = lambda x: moments(x)._replace(covariance=np.cov(x.T, bias=True))
  expected = frechet_of_moments(biased(real), biased(generated))
  assert found["frechet_distance"] == pytest.approx(expected, rel=1e-4)
  pairs = lambda x: np.square(x[:, None] - x).sum(axis=-1).mean()
  assert found["spread"] ** 2 == pytest.approx(pairs(generated) / pairs(real))
  p = np.mean(z[:, 0] > z[:, 1])
  entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
  assert found["class_entropy"] == pytest.approx(entropy)
  difference = np.abs(p - np.mean(REAL[:, 0] > REAL[:, 1]))
  assert found["class_total_variation"] == pytest.approx(difference)


def test_a_collapsed_generator_has_no_spread_and_no_entropy():
  evaluator = sample_quality(None, lambda x: x)
  collapsed = Generator(lambda z: jnp.zeros_like(z).at[:, 1].set(1.0), 4)
  found = evaluated(evaluator, collapsed, [REAL])
  assert found["spread"] == found["class_entropy"] == 0


def test_the_class_of_channels_is_their_number():
  """Logits of the channels add up, and features lie side by side."""
  weights = RNG.normal(size=(4, 10)).astype(np.float32)
  gray = SplitModel(
    lambda x: x.reshape(len(x), -1), functools.partial(jnp.matmul, b=weights)
  )
  x = jnp.asarray(RNG.random((5, 2, 2, 3)), jnp.float32)
  whole = per_channel(gray)
  digits = np.stack(
    [gray(x[..., c : c + 1]).argmax(axis=-1) for c in range(3)], axis=1
  )
  np.testing.assert_array_equal(whole(x).argmax(axis=-1), digits @ [100, 10, 1])
  np.testing.assert_allclose(jnp.exp(whole(x)).sum(axis=-1), 1, rtol=1e-5)
  np.testing.assert_array_equal(
    whole.features(x)[:, 1], gray.features(x[..., 1:2])
  )


def test_the_statistics_are_found_by_their_names():
  for name in lookup.members("evaluators.generation"):
    assert callable(lookup.find("evaluators.generation", name))
