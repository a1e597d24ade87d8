"""Robust encodings (RobEn): words that typos may confuse become one word."""

import pathlib
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from robust_jax import checks
from robust_jax.files import read_json, write_json
from robust_jax.text.recipes.typos import pruthi
from robust_jax.text.split_text import split
from robust_jax.text.word_recognition import Recognizer

UNKNOWN = "unk"
"""The encoding of words that are neither in a cluster nor a typo of such."""

# The words that may have a typo, and all their typos.
_TYPOS = pruthi().edit_set


def word_clusters(
  texts: Iterable[str], *, vocabulary_size: int = 10_000
) -> dict[str, str]:
  """Clusters the words of a corpus by the typos that they have in common.

  Two words are connected if they have a common typo, or one of them is a typo
  of the other. Clusters are the connected components, so that each possible
  typo belongs to one cluster only. Typos are those of `text.recipes.pruthi`:
  one swap, deletion, insertion or keyboard typo inside a word of four letters
  or more that is no function word.

  Args:
    texts: the corpus.
    vocabulary_size: number of words to cluster, the most frequent ones. A
      larger vocabulary leaves fewer words unknown, and joins more of them.

  Returns:
    Word in lower case -> the most frequent word of its cluster. Between words
    of one frequency the alphabet decides.

  Raises:
    ValueError: vocabulary_size is below 1, or there is no word in the texts.

  Source: Jones, Jia, Raghunathan and Liang 2020, "Robust encodings: a framework
  for combating adversarial typos", section 4 (connected component encodings).

  Deviation: the vocabulary is that of the corpus, not the 100,000 most frequent
  words of American English, and a letter is substituted by its neighbors on a
  keyboard instead of all letters. There are no agglomerative clusters, which
  let some typos have two encodings to keep more words apart.

  Example:
    >>> from robust_jax.text.robust_encoding import word_clusters
    >>> word_clusters(["the film that made the film studio", "a firm plot"])
    {'film': 'film', 'the': 'the', 'a': 'a', 'firm': 'film', 'made': 'made', \
'plot': 'plot', 'studio': 'studio', 'that': 'that'}
  """
  checks.at_least_one("vocabulary_size", vocabulary_size)
  counts = Counter(w for text in texts for w in split(text.lower()).words)
  del counts[UNKNOWN]
  if not counts:
    raise ValueError("texts without a word: expected some words to cluster.")
  by_frequency = sorted(counts, key=lambda word: (-counts[word], word))
  words = by_frequency[:vocabulary_size]
  # A graph of words and typos, with an edge from a word to each of its typos.
  typos = [_with_typos(word) for word in words]
  nodes: dict[str, int] = {}
  ends = [nodes.setdefault(typo, len(nodes)) for one in typos for typo in one]
  starts = np.repeat(np.arange(len(words)), [len(one) for one in typos])
  size = len(words) + len(nodes)
  graph = scipy.sparse.coo_array(
    (np.ones(len(ends), bool), (starts, len(words) + np.array(ends))),
    shape=(size, size),
  )
  _, components = connected_components(graph, directed=False)
  representatives: dict[int, str] = {}
  return {
    word: representatives.setdefault(component, word)
    for word, component in zip(words, components[: len(words)], strict=True)
  }


def _with_typos(word: str) -> list[str]:
  """The word, and all its typos if it may have one."""
  may_change = _TYPOS.places(split(word))
  return [word, *(_TYPOS.of_word(word) if may_change else ())]


def robust_encoding(clusters: Mapping[str, str]) -> Recognizer:
  """Makes a function of texts that maps words and their typos to clusters.

  A text has the same encoding whatever typos its words have, one in each, as
  long as its words are among those of the clusters and no typo splits a word in
  two, as in "x-y-z". An encoding is its own encoding.

  Args:
    clusters: word -> the word of its cluster, see `word_clusters`.

  Returns:
    Texts -> texts in lower case, in which each word of the clusters, or typo of
    one, is the word of its cluster, and others are "unk".

  Source: see `word_clusters`.

  Example:
    >>> from robust_jax.text.robust_encoding import robust_encoding
    >>> clusters = {"film": "film", "good": "good", "gold": "good", "a": "a"}
    >>> robust_encoding(clusters)(["A glod flim!", "A goood quest!"])
    ['a good film!', 'a good unk!']
  """
  encodings = {
    typo: representative
    for word, representative in clusters.items()
    for typo in _with_typos(word)
    if typo != UNKNOWN
  }

  def encoded(text: str) -> str:
    original = split(text.lower())
    words = (encodings.get(word, UNKNOWN) for word in original.words)
    return str(original._replace(words=tuple(words)))

  return lambda texts: [encoded(text) for text in texts]


def save_clusters(clusters: Mapping[str, str], path: pathlib.Path) -> None:
  """Writes clusters of words as a JSON object."""
  write_json(path, clusters)


def load_clusters(path: str | pathlib.Path) -> dict[str, str]:
  """Reads clusters of words from a JSON object of `save_clusters`.

  Raises:
    ValueError: the file cannot be read, or holds no clusters.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.text import robust_encoding
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder, "clusters.json")
    ...   robust_encoding.save_clusters({"film": "film", "firm": "film"}, path)
    ...   robust_encoding.load_clusters(path)
    {'film': 'film', 'firm': 'film'}
  """
  found = read_json(
    pathlib.Path(path), "Give a JSON object of words and their clusters."
  )
  for word, representative in found.items():
    if not isinstance(representative, str) or (
      found.get(representative) != representative
    ):
      raise ValueError(
        f"{path}: the word {word!r} has the cluster {representative!r}: "
        "expected a word that is its own cluster."
      )
  return found


def possible_encodings(encode: Recognizer, text: str) -> list[list[str]]:
  """Lists what each word of a text may become, by typos in some of its words.

  Args:
    encode: see `robust_encoding`.
    text: the text.

  Returns:
    For each word the distinct encodings of itself, which is the first, and its
    typos. The text and all its versions with a typo in any number of words have
    one of the encodings of their product.

  Example:
    >>> from robust_jax.text import robust_encoding
    >>> encode = robust_encoding.robust_encoding({"film": "film"})
    >>> robust_encoding.possible_encodings(encode, "film folm firm")
    [['film'], ['film', 'unk'], ['unk', 'film']]
  """
  words = split(text.lower()).words
  return [list(dict.fromkeys(encode(_with_typos(word)))) for word in words]
