"""The target's class proportions, exactly and from samples."""

import numpy as np
import pytest

from robust_jax.probes.label_shift import label_shift

# p(answer i | class j), columns add up to 1.
ANSWERS = np.array([[0.7, 0.1, 0.2], [0.2, 0.8, 0.2], [0.1, 0.1, 0.6]])
SOURCE = np.array([0.5, 0.3, 0.2])
TARGET = np.array([0.1, 0.2, 0.7])


def exact(proportions, answers=ANSWERS, n=1000):
  """Labels and one-hot answers in exactly these fractions."""
  counts = np.rint(answers * proportions * n).astype(int)
  answer, label = np.indices(counts.shape)
  return (
    np.repeat(label.ravel(), counts.ravel()),
    np.eye(len(answers))[np.repeat(answer.ravel(), counts.ravel())],
  )


def test_is_exact_where_the_confusion_matrix_is():
  labels, answers = exact(SOURCE)
  found = label_shift(labels, answers, exact(TARGET)[1])
  np.testing.assert_allclose(found.target, TARGET, rtol=1e-12)
  np.testing.assert_allclose(found.weights, TARGET / SOURCE, rtol=1e-12)
  assert SOURCE @ found.weights == pytest.approx(1, rel=1e-12)


def test_without_a_shift_all_weights_are_one():
  labels, answers = exact(SOURCE)
  for soft in (False, True):
    found = label_shift(labels, answers, answers[::-1], soft=soft)
    np.testing.assert_allclose(found.weights, 1, rtol=1e-12)
    np.testing.assert_allclose(found.target, SOURCE, rtol=1e-12)


def test_soft_is_exact_where_answers_are_the_same_for_each_class():
  answers = ANSWERS.T[exact(SOURCE)[0]]  # argmax would say nothing of doubt
  found = label_shift(
    exact(SOURCE)[0], answers, ANSWERS.T[exact(TARGET)[0]], soft=True
  )
  np.testing.assert_allclose(found.target, TARGET, rtol=1e-12)


def test_hard_counts_the_largest_probability_only():
  labels, answers = exact(SOURCE)
  target = exact(TARGET)[1]
  found = label_shift(labels, answers, target)
  blurred = label_shift(labels, 0.4 * answers + 0.2, 0.4 * target + 0.2)
  np.testing.assert_array_equal(found.target, blurred.target)


@pytest.mark.parametrize("soft", [False, True])
def test_recovers_a_skew_from_samples(soft):
  """Within five deviations of the estimate, by the law of its linear part.

  The error of w is C^-1 (d mu - d C w), and mu and C w are averages of M
  vectors a and of N vectors w_y a, an answer a being no longer than 1. In any
  direction their variance is at most 1 / M and max(w)^2 / N, and C^-1 enlarges
  a deviation by 1 / (least singular value) at most.
  """
  rng = np.random.default_rng(0)
  n, m = 20_000, 10_000

  def draw(proportions, size):
    labels = rng.choice(3, size, p=proportions)
    # A sharp or a doubtful answer, the class of which follows ANSWERS.
    answers = np.array([rng.choice(3, p=ANSWERS[:, j]) for j in labels])
    sharpness = rng.uniform(0.4, 1.0, (size, 1))
    return labels, sharpness * np.eye(3)[answers] + (1 - sharpness) / 3

  labels, source = draw(SOURCE, n)
  found = label_shift(labels, source, draw(TARGET, m)[1], soft=soft)
  weights = TARGET / SOURCE
  # E sharpness = 0.7 shrinks what tells the classes apart by as much.
  confusion = (0.7 * ANSWERS + 0.1 if soft else ANSWERS) * SOURCE
  least = np.linalg.svd(confusion, compute_uv=False)[-1]
  deviation = np.sqrt(1 / m + weights.max() ** 2 / n) / least
  bound = 5 * deviation
  assert bound < 0.9 * np.abs(weights - 1).max()  # no shift would fail
  np.testing.assert_allclose(found.weights, weights, atol=bound)
  assert found.target.sum() == pytest.approx(1, rel=1e-12)


def test_negative_weights_become_zero_and_the_average_stays_one():
  labels, answers = exact(SOURCE)
  # More of answer 0 than any mixture of the classes gives.
  found = label_shift(labels, answers, np.eye(3)[[0] * 9 + [1]])
  solved = np.linalg.solve(ANSWERS * SOURCE, [0.9, 0.1, 0.0])
  assert (solved < 0).any()
  np.testing.assert_array_equal(found.weights == 0, solved < 0)
  assert SOURCE @ found.weights == pytest.approx(1, rel=1e-12)


def test_names_classes_that_the_answers_do_not_show():
  labels, answers = exact(SOURCE)
  merged = answers @ np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0]])
  with pytest.raises(ValueError, match=r"never are \[2\]"):
    label_shift(labels, merged, merged)
  alike = np.array([[0.8, 0.1, 0.1], [0.1, 0.6, 0.6], [0.1, 0.3, 0.3]])
  labels, answers = exact(SOURCE, alike)
  with pytest.raises(ValueError, match=r"do not tell classes \[1, 2\] apart"):
    label_shift(labels, answers, answers)
  with pytest.raises(ValueError, match=r"no source example of class \[1\]"):
    label_shift(labels * 2 % 4, answers, answers)


P = np.full((4, 2), 0.5)
Y = np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((Y[:3], P, P), r"expected \[N\]"),
    ((Y, P, P[:, :1]), r"expected \[N\]"),
    ((Y, P, P[:0]), r"expected \[N\]"),
    ((Y + 1, P, P), r"0\.\.1"),
    ((Y + 0.0, P, P), "integers"),
    ((Y, 3 * P, P), "source probabilities .* sum to 1"),
    ((Y, P, P + np.array([1, -1])), "target probabilities .* negative"),
    ((Y, P, P * np.nan), "target probabilities"),
  ],
)
def test_refuses(arguments, message):
  with pytest.raises(ValueError, match=message):
    label_shift(*arguments)
