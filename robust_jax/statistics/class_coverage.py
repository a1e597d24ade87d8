"""Whether a model's answers tell classes apart at all, and which it misses."""

import dataclasses

import numpy as np

from robust_jax.statistics.outcomes import Outcomes

# A model that is right about every second image of a class is wrong about five
# of five by chance in 3 % of cases; of fewer images nothing is concluded.
_IMAGES_TO_MISS = 5
# Permuted labels held at a time.
_CHUNK = 2**20


@dataclasses.dataclass(frozen=True)
class ClassCoverage:
  """What clean answers say about classes; accuracies in percent.

  Attributes:
    answered: how many classes are ever answered.
    largest_class: the class of most images; None without labels, as the others.
    largest_fraction: what always answering it gets right.
    num_classes: K', classes that the data have.
    balanced_accuracy: mean over these classes; a constant has 100 / K'.
    never_right: classes of five images or more, none of which is answered
      right.
    p_guessing: how often labels that are dealt anew are met by these answers as
      well, by balanced accuracy. None without labels.
    guesses: whether answers are not told from guessing: one answer for all
      images, or a `p_guessing` of 1 - level or more.
  """

  answered: int
  largest_class: int | None
  largest_fraction: float | None
  num_classes: int | None
  balanced_accuracy: float | None
  never_right: list[int]
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
  """Whether clean answers depend on the image, and which classes they miss.

  A model that always gives the same answer loses nothing under any change, and
  is right about as many images as the largest class has. What it does not do is
  tell images apart. The test deals the labels anew among the images: a constant
  meets them all alike, and so does any answer that has nothing to do with them.

  Args:
    outcomes: of one model.
    classes: int `[N]`, its clean answers, -1 where there is none.
    draws: of labels dealt anew.
    level: 1 - level is the chance that a guessing model passes for another.
    seed: of the draws.

  Source: the permutation test, Fisher 1935; Phipson & Smyth 2010 for counting
  the labels as they are among the draws.
  """
  answered = len(np.unique(classes[classes >= 0]))
  labels, weights = outcomes.labels, outcomes.class_weights
  if labels is None or weights is None:
    constant = answered <= 1
    return ClassCoverage(answered, None, None, None, None, [], None, constant)
  present, index, counts = np.unique(
    labels, return_inverse=True, return_counts=True
  )
  right = np.bincount(index, outcomes.clean)
  missed = (right == 0) & (counts >= _IMAGES_TO_MISS)
  p_guessing = _p_guessing(classes, labels, weights, draws, seed)
  return ClassCoverage(
    answered=answered,
    largest_class=int(present[counts.argmax()]),
    largest_fraction=100 * float(counts.max()) / len(labels),
    num_classes=len(present),
    balanced_accuracy=100 * float((right / counts).mean()),
    never_right=present[missed].tolist(),
    p_guessing=p_guessing,
    guesses=p_guessing >= 1 - level,
  )


def _p_guessing(classes, labels, weights, draws, seed) -> float:
  score = lambda dealt, weight: (weight * (dealt == classes)).sum(axis=-1)
  # Sums of the same weights in another order differ by rounding.
  seen = score(labels, weights) * (1 - 1e-9)
  rng = np.random.default_rng(seed)
  step = max(1, _CHUNK // len(labels))
  as_good = 0
  for start in range(0, draws, step):
    rows = np.tile(np.arange(len(labels)), (min(step, draws - start), 1))
    order = rng.permuted(rows, axis=1)
    as_good += int((score(labels[order], weights[order]) >= seen).sum())
  return (1 + as_good) / (draws + 1)
