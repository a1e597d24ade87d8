"""Words in which reports of different predictions differ."""

from typing import NamedTuple


class Words(NamedTuple):
  """Words of reports; the defaults are those of classifiers.

  Attributes:
    unit: what is counted.
    units: its plural.
    clean_units: those without a change, as the objects of `is_right`.
    is_right: verb of a model that is right about units.
    are_right: verb of several models.
    correctly: what follows the units.
    lost: those that a risk counts.
    accuracy: name of the measure of how much is right.
    accuracies: format of the accuracies of a model in percent, `clean` and
      `changed`.
    identical: what identical models have in common.

  Example:
    >>> from robust_jax.comparison.prediction_reports.words import Words
    >>> words = Words()
    >>> f"b {words.is_right} 12 % of {words.units}{words.correctly}"
    'b classifies 12 % of examples correctly'
  """

  unit: str = "example"
  units: str = "examples"
  clean_units: str = "clean examples"
  is_right: str = "classifies"
  are_right: str = "classify"
  correctly: str = " correctly"
  lost: str = "correctly classified clean examples that are lost"
  accuracy: str = "accuracy"
  accuracies: str = (
    "{clean:.1f} % of clean examples, {changed:.1f} % of changed ones"
  )
  identical: str = "predict the same class for every example"
