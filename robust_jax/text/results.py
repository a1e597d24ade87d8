"""Results of attacks on texts: records, summary, and readable differences."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from rich.text import Text

from robust_jax.text.split_text import SplitText, split

Status = Literal["successful", "failed", "skipped"]


@dataclasses.dataclass(frozen=True)
class TextResult:
  """The result of an attack on one text.

  Attributes:
    original: the text as it was.
    edited: the best text that was found, the original if none was better.
    label: the true class.
    before: class that is predicted for the original.
    after: class that is predicted for the edited text.
    status: "skipped" if the goal was reached from the beginning.
    queries: number of texts that the model was asked for.
  """

  original: SplitText
  edited: SplitText
  label: int
  before: int
  after: int
  status: Status
  queries: int

  @property
  def adversarial(self) -> str:
    """The edited text."""
    return str(self.edited)

  @property
  def words_changed(self) -> int:
    """Number of words that differ."""
    return len(self.edited.changed(self.original))

  def record(self) -> dict[str, Any]:
    """Returns plain values, for a line of a jsonl or csv file.

    `from_record` makes the result of it again.
    """
    return {
      "text": str(self.original),
      "adversarial": self.adversarial,
      "label": self.label,
      "before": self.before,
      "after": self.after,
      "status": self.status,
      "words_changed": self.words_changed,
      "num_words": len(self.original.words),
      "queries": self.queries,
      "edited_words": list(self.edited.words),
    }


def from_record(record: Mapping[str, Any]) -> TextResult:
  """Makes the result that `TextResult.record` was called on.

  Example:
    >>> from robust_jax.text.results import TextResult, from_record
    >>> from robust_jax.text.split_text import split
    >>> a, b = split("a film"), split("a flim")
    >>> won = TextResult(a, b, 1, 1, 0, "successful", 9)
    >>> from_record(won.record()) == won
    True
  """
  original = split(record["text"])
  edited = original._replace(words=tuple(record["edited_words"]))
  fields = ("label", "before", "after", "status", "queries")
  return TextResult(original, edited, *(record[name] for name in fields))


def summary(results: Sequence[TextResult]) -> dict[str, float]:
  """Summarizes results by the figures that are usual in this field.

  Returns:
    The numbers "successful", "failed" and "skipped"; "accuracy", the fraction
    that was not skipped; "robust_accuracy", the fraction that failed;
    "success_rate", that of the successful among those attacked; over successful
    attacks the means of "words_changed", the fraction of a text's words, and of
    "num_words_changed"; over attacked texts the mean of "queries". A mean over
    nothing is NaN.

  Raises:
    ValueError: there are no results.

  Example:
    >>> from robust_jax.text.results import TextResult, summary
    >>> from robust_jax.text.split_text import split
    >>> a, b = split("a film"), split("a flim")
    >>> won = TextResult(a, b, 1, 1, 0, "successful", 9)
    >>> lost = TextResult(a, a, 0, 0, 0, "failed", 3)
    >>> figures = summary([won, lost])
    >>> figures["accuracy"], figures["robust_accuracy"], figures["queries"]
    (1.0, 0.5, 6.0)
  """
  if not results:
    raise ValueError("a summary of no results: expected one or more.")
  count = {
    status: sum(result.status == status for result in results)
    for status in ("successful", "failed", "skipped")
  }
  attacked = [result for result in results if result.status != "skipped"]
  won = [result for result in results if result.status == "successful"]
  return {
    **count,
    "accuracy": len(attacked) / len(results),
    "robust_accuracy": count["failed"] / len(results),
    "success_rate": _mean([r.status == "successful" for r in attacked]),
    "words_changed": _mean(
      [r.words_changed / len(r.original.words) for r in won]
    ),
    "num_words_changed": _mean([r.words_changed for r in won]),
    "queries": _mean([r.queries for r in attacked]),
  }


def segments(result: TextResult) -> list[tuple[str, str]]:
  """Splits an edited text into what stayed, what was removed, what is new.

  Returns:
    Pairs of a kind, "same", "old" or "new", and a text that is not empty. The
    pairs of another kind than "old" are the edited text, but for the space
    beside a word that was dropped.

  Example:
    >>> from robust_jax.text.results import TextResult, segments
    >>> from robust_jax.text.split_text import split
    >>> a, b = split("a film"), split("a flim")
    >>> segments(TextResult(a, b, 1, 1, 0, "successful", 9))
    [('same', 'a '), ('old', 'film'), ('new', 'flim')]
  """
  old, new = result.original, result.edited
  found = [("same", old.gaps[0])]
  for before, after, gap in zip(
    old.words, new.words, old.gaps[1:], strict=True
  ):
    if before == after:
      found += [("same", after), ("same", gap)]
    else:
      found += [("old", before), ("new", after), ("same", gap)]
  joined = []
  for kind, pairs in itertools.groupby(found, key=lambda pair: pair[0]):
    text = "".join(text for _, text in pairs)
    joined += [(kind, text)] if text else []
  return joined


def differences(result: TextResult) -> Text:
  """Renders an edited text for the terminal.

  Words of the original that were replaced are struck out in red, in front of
  what replaces them, in green.

  Example:
    >>> from robust_jax.text.results import TextResult, differences
    >>> from robust_jax.text.split_text import split
    >>> a, b = split("a film"), split("a flim")
    >>> differences(TextResult(a, b, 1, 1, 0, "successful", 9)).plain
    'a film flim'
  """
  rendered = Text()
  styles = {"same": "", "old": "red strike", "new": "green"}
  for kind, text in segments(result):
    if kind == "new":
      rendered.append(" ")
    rendered.append(text, style=styles[kind])
  return rendered


def _mean(values: Sequence[float]) -> float:
  return float(np.mean(values)) if values else float("nan")
