"""So many questions, and one chance of a false answer for all of them."""

_DRAWS = 2000


def bonferroni(level: float, questions: int) -> tuple[float, int]:
  """(level, draws) of each question, that all of them hold at `level`.

  Draws are so many that a p-value can be as small as the level asks for: the
  smallest is one in so many.

  Args:
    level: of all together.
    questions: how many; none counts as one.
  """
  alpha = (1 - level) / max(1, questions)
  return 1 - alpha, max(_DRAWS, round(4 / alpha))
