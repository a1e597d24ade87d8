"""Class coverage: models that guess, and classes that are never correct."""

import dataclasses

import numpy as np

from robust_jax.statistics.outcomes import Outcomes

# A model that classifies half of the examples of a class correctly
# misclassifies five of five by chance in 3 % of cases. Smaller classes are not
# reported.
_EXAMPLES_TO_MISS = 5
# Permuted labels held in memory at a time.
_CHUNK = 2**20


@dataclasses.dataclass(frozen=True)
class ClassCoverage:
  """Class coverage of clean predictions; accuracies in percent.

  Attributes:
    predicted: number of classes that are ever predicted.
    largest_class: class with most examples; None without labels, as the
      following.
    largest_fraction: accuracy of always predicting the largest class.
    num_classes: K', number of classes in the data.
    balanced_accuracy: mean accuracy over these classes; 100 / K' for a
      constant.
    never_correct: classes of five examples or more, none of which is classified
      correctly.
    p_guessing: p-value of the hypothesis that predictions are independent of
      the labels, by balanced accuracy. None without labels.
    guesses: whether predictions are no better than guessing: a single class for
      all examples, or a `p_guessing` of 1 - level or more.
  """

  predicted: int
  largest_class: int | None
  largest_fraction: float | None
  num_classes: int | None
  balanced_accuracy: float | None
  never_correct: list[int]
  p_guessing: float | None
  guesses: bool


def class_coverage(
  outcomes: Outcomes,
  classes: np.ndarray,
  *,
  draws: int = 2000,
  level: float = 0.95,
  seed: int = 0,
) -> ClassCoverage:
  """Tests whether predictions depend on the example, and lists missed classes.

  A model that always predicts the same class loses nothing under any change,
  and is correct on the examples of the largest class, but does not discriminate
  examples. The permutation test permutes the labels of the examples: the score
  of a constant does not change, nor does that of predictions unrelated to the
  labels.

  Args:
    outcomes: outcomes of one model.
    classes: int `[N]`, its clean predictions; -1 where there is none.
    draws: number of permutations.
    level: 1 - level is the probability that a guessing model is not detected.
    seed: seed of the permutations.

  Returns:
    A `ClassCoverage`.

  Source: permutation test, Fisher 1935; Phipson & Smyth 2010 for including the
    observed labels among the permutations.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics import outcomes
    >>> from robust_jax.statistics.class_coverage import class_coverage
    >>> labels, constant = np.arange(20) % 2, np.zeros(20, int)
    >>> condition = outcomes.Condition("noise", "gaussian_noise", 1)
    >>> results = outcomes.from_predictions(
    ...   range(20), constant, constant[:, None], [condition], labels
    ... )
    >>> found = class_coverage(results, constant)
    >>> found.guesses, found.balanced_accuracy, found.never_correct
    (True, 50.0, [1])
  """
  predicted = len(np.unique(classes[classes >= 0]))
  labels, weights = outcomes.labels, outcomes.class_weights
  if labels is None or weights is None:
    constant = predicted <= 1
    return ClassCoverage(predicted, None, None, None, None, [], None, constant)
  present, counts, right = _by_class(outcomes, labels)
  p_guessing = _p_guessing(classes, labels, weights, draws, seed)
  return ClassCoverage(
    predicted=predicted,
    largest_class=int(present[counts.argmax()]),
    largest_fraction=100 * float(counts.max()) / len(labels),
    num_classes=len(present),
    balanced_accuracy=100 * float((right / counts).mean()),
    never_correct=never_correct(outcomes),
    p_guessing=p_guessing,
    guesses=p_guessing >= 1 - level,
  )


def never_correct(outcomes: Outcomes) -> list[int]:
  """Returns the classes of five examples or more, none of which is correct.

  Args:
    outcomes: outcomes with labels.
  """
  present, counts, right = _by_class(outcomes, outcomes.labels)
  missed = (right == 0) & (counts >= _EXAMPLES_TO_MISS)
  return present[missed].tolist()


def _by_class(outcomes, labels):
  """Returns the classes, their numbers of examples and of correct ones."""
  present, index, counts = np.unique(
    labels, return_inverse=True, return_counts=True
  )
  return present, counts, np.bincount(index, outcomes.clean)


def _p_guessing(classes, labels, weights, draws, seed) -> float:
  score = lambda dealt, weight: (weight * (dealt == classes)).sum(axis=-1)
  # Sums of equal weights in another order differ by rounding.
  seen = score(labels, weights) * (1 - 1e-9)
  rng = np.random.default_rng(seed)
  step = max(1, _CHUNK // len(labels))
  as_good = 0
  for start in range(0, draws, step):
    rows = np.tile(np.arange(len(labels)), (min(step, draws - start), 1))
    order = rng.permuted(rows, axis=1)
    as_good += int((score(labels[order], weights[order]) >= seen).sum())
  return (1 + as_good) / (draws + 1)
