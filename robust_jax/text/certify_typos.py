"""Proofs that no typos change what a model with a robust encoding says."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax import checks
from robust_jax.text.attack_texts import TextPredict
from robust_jax.text.robust_encoding import possible_encodings
from robust_jax.text.split_text import split
from robust_jax.text.word_recognition import Recognizer


class CertifiedText(NamedTuple):
  """The certificate of a text: whether typos can change its class.

  Attributes:
    correct: whether the text itself is classified correctly.
    certified: whether it is, and every version of it with a typo in any number
      of its words.
    num_encodings: number of encodings of all these versions.
    stable_words: number of words that have one encoding, whatever their typo.
    num_words: number of words.
  """

  correct: bool
  certified: bool
  num_encodings: int
  stable_words: int
  num_words: int


def certify_typos(
  predict: TextPredict,
  encode: Recognizer,
  texts: Sequence[str],
  labels: Sequence[int],
  *,
  max_encodings: int = 10_000,
) -> list[CertifiedText]:
  """Decides which texts are classified correctly whatever typos they have.

  Each word may have one of the typos of `text.robust_encoding.word_clusters`.
  All encodings that these lead to are classified, which are few, so that the
  answer is exact, but for texts of too many encodings: they are not certified.

  Args:
    predict: any function of a list of strings that depends on their encodings
      only, see `text.word_recognition.behind`.
    encode: see `text.robust_encoding`.
    texts: N texts.
    labels: N labels.
    max_encodings: largest number of encodings of a text.

  Returns:
    A `CertifiedText` for each text.

  Raises:
    ValueError: texts and labels do not match, or max_encodings is below 1.

  Source: Jones, Jia, Raghunathan and Liang 2020, "Robust encodings: a framework
  for combating adversarial typos", section 3 (exact robust accuracy), with the
  10,000 encodings of the authors' code.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text.certify_typos import certify_typos
    >>> from robust_jax.text.robust_encoding import robust_encoding
    >>> from robust_jax.text.word_recognition import behind
    >>> encode = robust_encoding({"good": "good", "film": "film"})
    >>> is_good = lambda texts: np.array([int("good" in t) for t in texts])
    >>> texts = ["A good film", "Film goods"]
    >>> found = certify_typos(behind(encode, is_good), encode, texts, [1, 0])
    >>> [one.certified for one in found], found[1].num_encodings
    ([True, True], 1)
  """
  checks.at_least_one("max_encodings", max_encodings)
  if len(texts) != len(labels):
    raise ValueError(
      f"{len(texts)} texts and {len(labels)} labels: expected one for each."
    )
  if not texts:
    return []
  found = []
  are_correct = _classes(predict(list(texts))) == np.asarray(labels)
  for text, label, correct in zip(texts, labels, are_correct, strict=True):
    words = possible_encodings(encode, text)
    count = math.prod(len(of_word) for of_word in words)
    certified = bool(correct) and count <= max_encodings
    if certified and count > 1:
      original = split(text.lower())
      encodings = [
        str(original._replace(words=chosen))
        for chosen in itertools.product(*words)
      ]
      certified = bool((_classes(predict(encodings)) == label).all())
    stable = sum(len(of_word) == 1 for of_word in words)
    found.append(
      CertifiedText(bool(correct), certified, count, stable, len(words))
    )
  return found


def _classes(output: np.ndarray) -> np.ndarray:
  """The classes of scores `[N, K]`, or of labels `[N]`, which they are."""
  output = np.asarray(output)
  return output if output.ndim == 1 else output.argmax(axis=1)
