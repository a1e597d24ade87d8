"""English contractions, written out and back."""

import functools
import re
from collections.abc import Iterable

_PRONOUNS = "i|you|he|she|it|we|they"
_SUBJECTS = "he|she|it|that|there|what|who|here|where"
# Texts such as those of SST-2 have a space in front of the second part.
_GAP = r" ?"
_MARK = "['\u2019]"
_EXPANDED = (
  (rf"\bca{_GAP}n{_MARK}t\b", "can not"),
  (rf"\bwo{_GAP}n{_MARK}t\b", "will not"),
  (rf"\bsha{_GAP}n{_MARK}t\b", "shall not"),
  (rf"\b(\w+?){_GAP}n{_MARK}t\b", r"\1 not"),
  (rf"\bi{_GAP}{_MARK}m\b", "i am"),
  (rf"\b({_PRONOUNS}){_GAP}{_MARK}re\b", r"\1 are"),
  (rf"\b({_PRONOUNS}){_GAP}{_MARK}ve\b", r"\1 have"),
  (rf"\b({_PRONOUNS}){_GAP}{_MARK}ll\b", r"\1 will"),
  (rf"\b({_SUBJECTS}){_GAP}{_MARK}s\b(?! (?:been|got))", r"\1 is"),
)
_VERBS = "is|are|was|were|do|does|did|has|have|had|could|would|should|must|need"
_CONTRACTED = (
  (r"\bcan ?not\b", "can't"),
  (r"\bwill not\b", "won't"),
  (rf"\b({_VERBS}) not\b", r"\1n't"),
  (r"\bi am\b", "i'm"),
  (r"\b(you|we|they) are\b", r"\1're"),
  (r"\b(i|you|we|they) have\b", r"\1've"),
  (rf"\b({_PRONOUNS}) will\b", r"\1'll"),
  (rf"\b({_SUBJECTS}) is\b", r"\1's"),
)


def expand(text: str) -> str:
  """Writes contractions out.

  Example:
    >>> from robust_jax.comparison.text_families import _contractions
    >>> _contractions.expand("It ca n't be that they're bad. Don't!")
    'It can not be that they are bad. Do not!'
  """
  return _replaced(text, _EXPANDED)


def contract(text: str) -> str:
  """Contracts pairs of words.

  Example:
    >>> from robust_jax.comparison.text_families import _contractions
    >>> _contractions.contract("I am sure it is not bad. Do not go!")
    "I'm sure it isn't bad. Don't go!"
  """
  return _replaced(text, _CONTRACTED)


def _replaced(text: str, rules: Iterable[tuple[str, str]]) -> str:
  for pattern, new in rules:
    put = functools.partial(_in_case, new)
    text = re.sub(pattern, put, text, flags=re.IGNORECASE)
  return text


def _in_case(new: str, match: re.Match) -> str:
  """Returns the replacement with a capital where the original has one."""
  found = match.expand(new)
  return found[:1].upper() + found[1:] if match[0][0].isupper() else found
