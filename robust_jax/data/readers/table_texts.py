"""Texts of a table as a reader."""

from collections.abc import Sequence

from robust_jax.data.readers.reader import Sample
from robust_jax.data.readers.text_table import TextTable


class TableTexts:
  """The texts of a table, named by their rows.

  Attributes:
    class_names: K names, in the order of the model's outputs.

  Example:
    >>> from robust_jax.data.readers.table_texts import TableTexts
    >>> from robust_jax.data.readers.text_table import TextTable
    >>> table = TextTable(["good", "bad"], ["pos", "neg"], None)
    >>> reader = TableTexts(table)
    >>> reader.class_names, reader.get(0).label
    (('neg', 'pos'), 1)
  """

  def __init__(
    self, table: TextTable, class_names: Sequence[str] | None = None
  ):
    """Collects the classes.

    Args:
      table: texts and labels; see `data.text_files.read_part`.
      class_names: names of the classes of a table without labels; those of
        labels are the labels, in the order of numbers or of the alphabet.

    Raises:
      ValueError: there are neither labels nor names.
    """
    self._table = table
    if table.labels is not None:
      class_names = _in_order(set(table.labels))
    elif class_names is None:
      raise ValueError("the texts have no labels: expected class_names.")
    self.class_names: Sequence[str] = tuple(class_names)
    self._places = {name: i for i, name in enumerate(self.class_names)}

  def __len__(self) -> int:
    return len(self._table.texts)

  def get(self, index: int) -> Sample:
    """Returns the text of a row; rows are numbered from 1."""
    labels = self._table.labels
    label = None if labels is None else self._places[labels[index]]
    return Sample(f"row {index + 1}", self._table.texts[index], label)


def _in_order(labels: set[str]) -> list[str]:
  whole = all(label.isdecimal() for label in labels)
  return sorted(labels, key=int) if whole else sorted(labels)
