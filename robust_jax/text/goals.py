"""Goals of an attack on texts: the value that a search maximizes."""

from collections.abc import Callable, Sequence

import numpy as np

from robust_jax import checks
from robust_jax.text.split_text import SplitText

__all__ = ["fewest_words", "lower_probability", "targeted", "untargeted"]

Goal = Callable[
  [np.ndarray, int, Sequence[SplitText]], tuple[np.ndarray, np.ndarray]
]
"""`(log_probabilities [N, K], label, texts) -> (value [N], reached [N])`.

`reached` is boolean: an attack ends as soon as it is true."""


def untargeted() -> Goal:
  """Any other class than the label.

  The value is the margin, the largest log-probability of another class minus
  that of the label, and the goal is reached where it is positive.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import goals
    >>> value, reached = goals.untargeted()(np.log([[0.2, 0.8]]), 0, [])
    >>> round(float(value[0]), 3), bool(reached[0])
    (1.386, True)
  """

  def goal(scores, label, texts):
    others = np.delete(scores, label, axis=1).max(axis=1)
    value = others - scores[:, label]
    return value, value > 0

  return goal


def lower_probability() -> Goal:
  """Any other class than the label, by the probability that the label loses.

  The value is one minus the probability of the label, as in the papers of
  DeepWordBug, PWWS and TextFooler. With two classes its order is that of
  `untargeted`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import goals
    >>> value, _ = goals.lower_probability()(np.log([[0.2, 0.8]]), 0, [])
    >>> round(float(value[0]), 3)
    0.8
  """

  def goal(scores, label, texts):
    _, reached = untargeted()(scores, label, texts)
    return 1 - np.exp(scores[:, label]), reached

  return goal


def targeted(target: int) -> Goal:
  """One class, whatever the label.

  Args:
    target: the class that the attack wants to be predicted.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import goals
    >>> _, reached = goals.targeted(1)(np.log([[0.2, 0.8]]), 0, [])
    >>> bool(reached[0])
    True
  """
  checks.non_negative("target", target)

  def goal(scores, label, texts):
    value = -untargeted()(scores, target, texts)[0]
    return value, value > 0

  return goal


def fewest_words() -> Goal:
  """The fewest words for which the label is still predicted.

  The value is minus the number of words that are left, and minus infinity where
  another class is predicted. It is reached by one word.

  Source: Feng et al. 2018, "Pathologies of neural models make interpretations
  difficult", section 3 (input reduction).

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import goals
    >>> from robust_jax.text.split_text import split
    >>> text = split("a good film").replace(0, "")
    >>> value, _ = goals.fewest_words()(np.log([[0.8, 0.2]]), 0, [text])
    >>> float(value[0])
    -2.0
  """

  def goal(scores, label, texts):
    _, lost = untargeted()(scores, label, texts)
    left = np.array([sum(map(bool, text.words)) for text in texts])
    value = np.where(lost | (left == 0), -np.inf, -left.astype(np.float64))
    return value, value == -1

  return goal
