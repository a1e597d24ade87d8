"""The record of a named attack on texts."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from robust_jax.text.attack_texts import TextPredict, attack_texts
from robust_jax.text.edit_set import EditSet
from robust_jax.text.goals import Goal
from robust_jax.text.results import TextResult
from robust_jax.text.searches.base import TextSearch


class Recipe(NamedTuple):
  """An attack on texts, but for the model and the texts.

  Attributes:
    edit_set: the texts that are allowed.
    search: the search among them.
    goal: what it maximizes.
  """

  edit_set: EditSet
  search: TextSearch
  goal: Goal

  def run(
    self,
    predict: TextPredict,
    texts: Sequence[str],
    labels: Sequence[int],
    **options,
  ) -> Iterator[TextResult]:
    """Attacks texts; the options are those of `attack_texts`."""
    return attack_texts(
      predict,
      texts,
      labels,
      self.edit_set,
      self.search,
      goal=self.goal,
      **options,
    )
