"""Families of real text that is inserted beside a text."""

import random
from collections.abc import Callable, Sequence

from robust_jax.comparison.text_families.base import family_of, in_levels
from robust_jax.comparison.transformation import Family, Texts, Transformation

_NEUTRAL = (
  "This was written on a Tuesday.",
  "It was sent from a phone.",
  "There are other texts of this kind.",
  "The page was last updated in March.",
  "It has been read by several people.",
  "More can be found on the next page.",
  "Someone typed this in the morning.",
  "The following day was a Wednesday.",
)
_ADDRESSES = (
  "@reader17",
  "https://example.org/a7Kq2",
  "@mira_k",
  "https://example.com/t/90412",
)
_SENTENCES = (1, 2, 3)
_WORDS = (5, 10, 20)


def inserted_text(texts: Texts) -> Family:
  """Neutral sentences or addresses in front of the text, or behind it.

  They are in lower case where the text is.

  Args:
    texts: all texts of the comparison.

  Source: Ribeiro et al. 2020 (CheckList), for the addresses.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.inserted_text(["a good film"])
    >>> [t.name for t in family.transformations]
    ['sentences_before', 'sentences_after', 'addresses_after']
  """
  sentences = [
    "1 neutral sentence",
    *(f"{n} neutral sentences" for n in _SENTENCES[1:]),
  ]
  addresses = [
    "1 name or link",
    *(f"{n} names or links" for n in _SENTENCES[1:]),
  ]
  return family_of(
    "Sentences that say nothing about any class, in front of the text or "
    "behind it, or names and links behind it.",
    [
      _insertion("sentences_before", _sentences, sentences, before=True),
      _insertion("sentences_after", _sentences, sentences),
      _insertion("addresses_after", _addresses, addresses),
    ],
    texts,
  )


def other_texts(texts: Texts) -> Family:
  """The first words of another text of the comparison behind the text.

  Used only where it is named: the other text may speak for another class.

  Args:
    texts: all texts of the comparison.

  Example:
    >>> from robust_jax.comparison import text_families
    >>> family = text_families.other_texts(["a good film", "dull"])
    >>> family.by_default, [t.name for t in family.transformations]
    (False, ['words_after'])
  """

  def words(generator: random.Random, level: int, text: str) -> str:
    other = generator.choice(texts)
    if other == text:  # one more try; two texts may be the same
      other = generator.choice(texts)
    return " ".join(other.split()[: _WORDS[level - 1]])

  labels = [f"up to {number} words" for number in _WORDS]
  return family_of(
    "The first words of another text of the same data behind the text; they "
    "may speak for another class.",
    [_insertion("words_after", words, labels)],
    texts,
    by_default=False,
  )


def _insertion(
  name: str,
  make: Callable[[random.Random, int, str], str],
  labels: Sequence[str],
  *,
  before: bool = False,
) -> Transformation:
  """Makes a change of what `(generator, level, text)` makes to insert."""

  def change(text: str, generator: random.Random, level: int) -> str:
    new = make(generator, level, text)
    if text == text.lower():
      new = new.lower()
    return f"{new} {text}" if before else f"{text} {new}"

  return in_levels(name, change, labels)


def _sentences(generator: random.Random, level: int, text: str) -> str:
  del text
  drawn = generator.sample(_NEUTRAL, _SENTENCES[-1])
  return " ".join(drawn[: _SENTENCES[level - 1]])


def _addresses(generator: random.Random, level: int, text: str) -> str:
  del text
  drawn = generator.sample(_ADDRESSES, _SENTENCES[-1])
  return " ".join(drawn[: _SENTENCES[level - 1]])
