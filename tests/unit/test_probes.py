"""Fresh classifiers on frozen features, and what is judged by them."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from robust_jax.probes.a_distance import a_distance
from robust_jax.probes.linear_probe import linear_probe
from robust_jax.probes.mlp_probe import mlp_probe
from robust_jax.probes.reverse_validation import reverse_validation

PROBES = pytest.mark.parametrize("probe", [linear_probe, mlp_probe])


# Always as many, so that the network of the probe compiles once.
N, M = 500, 1000


def gaussians(n, shift):
  """Two classes of unit variance, `shift` apart on the first axis."""
  rng = np.random.default_rng(n)
  y = rng.integers(0, 2, n)
  x = rng.normal(size=(n, 4))
  x[:, 0] += shift * y
  return x, y


def five_deviations(accuracy, n):
  return 5 * (accuracy * (1 - accuracy) / n) ** 0.5


@PROBES
def test_two_gaussians_are_told_apart_as_well_as_can_be(probe):
  # The best answer is the nearer mean, right with probability Phi(shift / 2).
  best = stats.norm.cdf(1.0)
  accuracy = probe(*gaussians(N, 2.0), *gaussians(M, 2.0))
  bound = five_deviations(best, M)
  # Fitted to 500 examples, a rule errs a little more than the best.
  assert best - bound - 0.01 < accuracy < best + bound


@PROBES
def test_labels_that_are_not_there_are_met_by_chance(probe):
  accuracy = probe(*gaussians(N, 0.0), *gaussians(M, 0.0))
  assert abs(accuracy - 0.5) < five_deviations(0.5, M)


def quadrants(n):
  x = np.random.default_rng(n).uniform(-1, 1, (n, 2))
  return np.pad(x, ((0, 0), (0, 2))), (x[:, 0] * x[:, 1] > 0).astype(int)


def test_a_network_reads_what_is_hidden_from_a_linear_classifier():
  data = *quadrants(N), *quadrants(M)
  assert abs(linear_probe(*data) - 0.5) < 0.1
  assert mlp_probe(*data) > 0.9


def test_a_linear_probe_is_scikit_learns():
  (x, y), (held_out_x, held_out_y) = gaussians(N, 1.0), gaussians(M, 1.0)
  scaler = StandardScaler().fit(x)
  rule = LogisticRegression().fit(scaler.transform(x), y)
  expected = rule.score(scaler.transform(held_out_x), held_out_y)
  # In float32 here: an example that lies on the border may change sides.
  assert linear_probe(x, y, held_out_x, held_out_y) == pytest.approx(
    expected, abs=1 / M
  )


@PROBES
def test_units_of_features_and_names_of_classes_do_not_matter(probe):
  (x, y), (held_out_x, held_out_y) = gaussians(N, 2.0), gaussians(M, 2.0)
  units, offset = 2.0 ** np.array([10, -20, 2, 0]), np.array([8, 0, 8, 8])
  names = np.array([-3, 900])
  # The same bits but for those lost to the offset: one example at the border.
  assert probe(
    x * units + offset, names[y], held_out_x * units + offset, names[held_out_y]
  ) == pytest.approx(probe(x, y, held_out_x, held_out_y), abs=1 / M)


@PROBES
def test_a_constant_feature_and_an_unseen_class_are_no_obstacle(probe):
  (x, y), (held_out_x, held_out_y) = gaussians(N, 6.0), gaussians(M, 6.0)
  x[:, 3] = 0.1 + 1e-9 * x[:, 2]  # but for roundings
  held_out_x[:, 3] = 0.1 + 1e-3 * held_out_x[:, 2]
  # 0.13 % of each class are beyond the middle.
  assert probe(x, y, held_out_x, held_out_y) > 0.99
  held_out_y[: M // 2] = 2
  assert probe(x, y, held_out_x, held_out_y) == pytest.approx(0.5, abs=0.01)


@PROBES
def test_taught_one_class_it_always_answers_that(probe):
  x, y = gaussians(N, 1.0)
  assert probe(x, 0 * y + 1, x, y) == np.mean(y == 1)


@PROBES
def test_the_draw_from_too_many_depends_on_the_seed_alone(probe):
  x, y = gaussians(N, 0.5)
  held_out = gaussians(M, 0.5)
  found = [probe(x, y, *held_out, max_examples=30, seed=s) for s in (0, 1)]
  assert found[0] != found[1]
  # Others than those drawn have no influence.
  drawn = np.random.default_rng(1).permutation(N)[:30]
  x[np.setdiff1d(np.arange(N), drawn)] = 1e6
  assert probe(x, y, *held_out, max_examples=30, seed=1) == found[1]


X, Y = gaussians(8, 1.0)


@PROBES
@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((X[:, 0], Y, X, Y), r"training .* expected \[N, D\]"),
    ((X, Y, X, Y[:3]), r"held-out .* expected \[N, D\]"),
    ((X[:0], Y[:0], X, Y), "at least 1"),
    ((X, Y, X[:, :2], Y), "4 training features but 2"),
    ((X, Y + 0.5, X, Y), "integers"),
    (
      (X, Y, np.where(X > 0, np.inf, X), Y),
      "held-out features are not all finite",
    ),
  ],
)
def test_probes_refuse(probe, arguments, message):
  with pytest.raises(ValueError, match=message):
    probe(*arguments)


def test_a_fit_without_an_optimum_is_no_accuracy():
  with pytest.raises(ValueError, match="did not converge in 1 iterations"):
    linear_probe(X, Y, X, Y, iterations=1)


def test_a_distance_of_two_gaussians_is_known():
  # Errors are Phi(-1/2); the fit from 1,000 of each adds less than a percent.
  error = stats.norm.cdf(-0.5)
  rng = np.random.default_rng(0)
  source, target = rng.normal(size=(2, 2000, 3))
  target[:, 0] += 1
  bound = 4 * (five_deviations(error, 2000) + 0.01)
  assert a_distance(source, target) == pytest.approx(
    2 * (1 - 2 * error), abs=bound
  )


def test_a_distance_runs_from_zero_to_two():
  rng = np.random.default_rng(0)
  source, target = rng.normal(size=(2, 300, 3))
  assert a_distance(source, target + 100) == 2
  assert a_distance(source, source) == 0  # a twin across the halves misleads
  # By chance below a half as often as above, by 5 deviations at most.
  found = a_distance(source, target)
  assert 0 <= found <= 4 * five_deviations(0.5, 300)


def test_the_larger_domain_is_cut_to_the_size_of_the_smaller():
  rng = np.random.default_rng(0)
  source, target = rng.normal(size=(2000, 3)), rng.normal(size=(60, 3))
  # Always answering the larger one would err on 3 in 100 and seem 1.88 apart.
  assert a_distance(source, target) <= 4 * five_deviations(0.5, 60)
  found = [a_distance(source, target + 0.5, seed=s) for s in (0, 1)]
  assert found[0] != found[1]
  drawn = np.random.default_rng(0).permutation(2000)[:60]
  source[np.setdiff1d(np.arange(2000), drawn)] = 1e6
  assert a_distance(source, target + 0.5, seed=0) == found[0]
  for wrong in (target[:1], target[:, :2], target[:, 0]):
    with pytest.raises(ValueError, match="N and M 2 or more"):
      a_distance(source, wrong)


def three_classes(n, seed, shift=0.0):
  """Three classes at the corners of a triangle, seldom mistaken."""
  rng = np.random.default_rng(seed)
  y = rng.integers(0, 3, n)
  corners = np.array([[0, 0], [8, 0], [0, 8]])
  return corners[y] + rng.normal(size=(n, 2)) + shift, y


def test_the_way_back_undoes_right_answers_only():
  source, source_labels = three_classes(300, 0)
  target, target_labels = three_classes(300, 1)

  def back(answers, features=target):
    return reverse_validation(features, answers, source, source_labels)

  assert back(target_labels) > 0.99
  fractions = np.bincount(source_labels) / 300
  assert back(target_labels * 0 + 2) == fractions[2]
  merged = np.minimum(target_labels, 1)  # class 2 is answered 1
  assert back(merged) == pytest.approx(1 - fractions[2], abs=0.01)
  # Features that lie apart: all of the source is on one side of the target.
  assert back(target_labels, target + 30) < 0.7
