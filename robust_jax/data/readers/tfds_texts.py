"""Texts and labels from a dataset of TFDS."""

from collections.abc import Sequence

from robust_jax.data.load import number_of_examples, prepared_builder
from robust_jax.data.readers.text_table import TextTable
from robust_jax.data.tfds import find_builder


def read_tfds_texts(
  name: str,
  split: str,
  *,
  text: str | Sequence[str],
  label: str | None = None,
  pair: str | None = None,
  data_dir: str | None = None,
) -> TextTable:
  """Reads the texts and labels of a split of a prepared TFDS dataset.

  Args:
    name: name of the dataset, such as "glue/sst2".
    split: the split, such as "train[1000:]".
    text: the feature of the texts, or several, which are joined by a space.
    label: the feature of the labels, if there is one.
    pair: the feature of a second text of each example.
    data_dir: TFDS directory; see `data.tfds.find_builder`.

  Returns:
    The texts as strings, and the labels as strings of their numbers.

  Raises:
    ValueError: there is no such dataset, split or feature, or the dataset is
      not prepared.
  """
  builder = prepared_builder(find_builder(name, data_dir), name, data_dir)
  number_of_examples(builder, split)
  columns = [text] if isinstance(text, str) else list(text)
  features = builder.info.features or {}
  for wanted in filter(None, (*columns, label, pair)):
    if wanted not in features:
      raise ValueError(
        f"dataset '{name}' has no '{wanted}': expected one of "
        f"{', '.join(features)}."
      )
  texts, labels, pairs = [], [], []
  for row in builder.as_data_source(split):
    texts.append(" ".join(row[one].decode() for one in columns))
    labels.append(str(row[label]) if label else "")
    pairs.append(row[pair].decode() if pair else "")
  return TextTable(texts, labels if label else None, pairs if pair else None)
