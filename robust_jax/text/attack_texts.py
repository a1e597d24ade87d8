"""Runs a search on many texts, with few calls of the model."""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_softmax

from robust_jax.text.edit_set import EditSet
from robust_jax.text.goals import Goal, untargeted
from robust_jax.text.results import Status, TextResult
from robust_jax.text.searches.base import TextSearch
from robust_jax.text.split_text import SplitText, split
from robust_jax.text.token_exchanges import AskExchanges

TextPredict = Callable[[list[str]], np.ndarray]
"""Any function of a list of N strings: scores `[N, K]` (logits or
probabilities), or labels `[N]` (integers). A search by gradients needs one that
also has the method `exchanges`, as that of `predict_texts` does."""


class _Slopes(NamedTuple):
  """Texts, and the slope of the goal in their log-probabilities `[N, K]`."""

  texts: list[SplitText]
  slopes: np.ndarray


_Attack = Generator[list[SplitText] | _Slopes, Any, TextResult]
"""Yields texts and is sent their scores `[N, K]`, or yields texts and slopes
and is sent their `TokenExchanges`; returns the result."""

# Texts that are attacked side by side, so that one call answers all of them.
_SIDE_BY_SIDE = 64
_SMALLEST = 1e-12  # of a probability, before its logarithm
_STEP = 1e-4  # of a log-probability, for the slope of a goal


def attack_texts(
  predict: TextPredict,
  texts: Sequence[str],
  labels: Sequence[int],
  edit_set: EditSet,
  search: TextSearch,
  *,
  goal: Goal | None = None,
  max_queries: int | None = None,
  seed: int = 0,
  first_place: int = 0,
) -> Iterator[TextResult]:
  """Attacks texts, each of them by its own search, side by side.

  A text for which the goal is reached from the beginning, such as one that is
  misclassified, is skipped. The best text of a search is scored once more, and
  is a success only if the goal is still reached.

  Args:
    predict: the model, any function of a list of strings. A label instead of
      scores counts as a probability of one, which suits searches that need no
      ascent.
    texts: N texts.
    labels: N labels.
    edit_set: which edited texts are allowed.
    search: the search, see `text.searches`.
    goal: what it maximizes, see `text.goals`; `untargeted()` by default.
    max_queries: largest number of texts that the model is asked for each
      example, with the original and the result, 3 or more; a gradient counts as
      one more. None for no limit.
    seed: of searches that draw; a result depends on its text and place alone.
    first_place: place of the first text, where the texts are the rest of those
      of an interrupted attack.

  Yields:
    A `TextResult` for each text, in order.

  Raises:
    ValueError: texts and labels do not match, max_queries is below 3, the model
      returns neither scores nor labels, or the search needs gradients that it
      does not have.

  Example:
    >>> import numpy as np
    >>> from robust_jax.text import edits, searches
    >>> from robust_jax.text.attack_texts import attack_texts
    >>> from robust_jax.text.edit_set import EditSet
    >>> def predict(texts):
    ...   is_good = np.array([float("good" in text) for text in texts])
    ...   return np.stack([1 - is_good, is_good], axis=1)
    >>> typos = EditSet(edits.swap_characters(keep_last=False))
    >>> (result,) = attack_texts(
    ...   predict, ["a good plot"], [1], typos, searches.greedy_search()
    ... )
    >>> result.adversarial, result.status
    ('a godo plot', 'successful')
  """
  if len(texts) != len(labels):
    raise ValueError(
      f"{len(texts)} texts and {len(labels)} labels: expected one for each."
    )
  if max_queries is not None and max_queries < 3:
    raise ValueError(
      f"max_queries = {max_queries}: expected 3 or more, for the original, one "
      "edited text and the result."
    )
  goal = untargeted() if goal is None else goal
  for start in range(0, len(texts), _SIDE_BY_SIDE):
    group = [
      _attack(
        split(texts[place]),
        int(labels[place]),
        edit_set,
        search,
        goal,
        max_queries,
        np.random.default_rng((seed, first_place + place)),
      )
      for place in range(start, min(start + _SIDE_BY_SIDE, len(texts)))
    ]
    yield from _side_by_side(group, predict)


def _attack(
  original: SplitText,
  label: int,
  edit_set: EditSet,
  search: TextSearch,
  goal: Goal,
  max_queries: int | None,
  rng: np.random.Generator,
) -> _Attack:
  """The attack on one text."""

  def judged(scores, texts):
    values, reached = goal(scores, label, texts)
    return np.where(np.isnan(values), -np.inf, values), reached

  scores = yield [original]
  values, reached = judged(scores, [original])
  before = after = int(scores[0].argmax())
  if reached[0]:
    return TextResult(original, original, label, before, after, "skipped", 1)
  queries, best, highest, found = 1, original, values[0], False
  known = {original: scores[0]}
  questions = search(edit_set, original, highest, rng)
  answers: Any = None  # what starts a generator
  while not found:
    try:
      asked = questions.send(answers)
    except StopIteration:
      break
    texts = asked.texts if isinstance(asked, AskExchanges) else asked
    budget = None if max_queries is None else max_queries - 1 - queries
    sent = texts[:budget]
    if not sent:
      break
    queries += len(sent)
    if isinstance(asked, AskExchanges):
      slopes = [_slope(goal, known[text], label, text) for text in sent]
      exchanges = yield _Slopes(sent, np.stack(slopes))
      if len(sent) < len(texts):
        break
      answers = exchanges
      continue
    scores = yield sent
    known = dict(zip(sent, scores, strict=True))
    answers, reached = judged(scores, sent)
    # A text that reaches the goal comes first; probes are not in the set.
    for i in np.lexsort((-answers, ~reached)):
      if not (reached[i] or answers[i] > highest):
        break
      if edit_set.contains(original, sent[i]):
        best, highest, found = sent[i], answers[i], bool(reached[i])
        break
    if len(sent) < len(texts):
      break
  success = False
  if best is not original:
    scores = yield [best]
    queries += 1
    success = bool(judged(scores, [best])[1][0])
    after = int(scores[0].argmax())
  status: Status = "successful" if success else "failed"
  return TextResult(original, best, label, before, after, status, queries)


def _slope(
  goal: Goal, scores: np.ndarray, label: int, text: SplitText
) -> np.ndarray:
  """The slope `[K]` of a goal's value in the log-probabilities of a text."""
  num_classes = len(scores)
  shifted = scores + _STEP * np.eye(num_classes + 1, num_classes, k=-1)
  values, _ = goal(shifted, label, [text] * len(shifted))
  return np.nan_to_num((values[1:] - values[0]) / _STEP)


def _side_by_side(
  attacks: Sequence[_Attack], predict: TextPredict
) -> list[TextResult]:
  """Runs attacks until all have returned, one call of the model at a time."""
  results: dict[int, TextResult] = {}
  asked = {i: next(attack) for i, attack in enumerate(attacks)}
  while asked:
    plain = [q for q in asked.values() if not isinstance(q, _Slopes)]
    texts = [str(text) for question in plain for text in question]
    scores: Any = ()
    if texts:
      scores = _log_probabilities(predict(texts), len(texts))
    asked_next, start = {}, 0
    for i, question in asked.items():
      answer: Any
      if isinstance(question, _Slopes):
        # One attack at a time: a table has a column for each token there is.
        answer = _exchanges(predict, question)
      else:
        answer = scores[start : start + len(question)]
        start += len(question)
      try:
        asked_next[i] = attacks[i].send(answer)
      except StopIteration as end:
        results[i] = end.value
    asked = asked_next
  return [results[i] for i in range(len(attacks))]


def _exchanges(predict: TextPredict, question: _Slopes) -> list[Any]:
  """The first-order values of exchanges of tokens.

  Raises:
    ValueError: the model is a black box.
  """
  exchanges = getattr(predict, "exchanges", None)
  if exchanges is None:
    raise ValueError(
      "a search by gradients (hot_flip, or importance = 'gradient') of a model "
      "without them: expected one of `predict_texts` with its embeddings; "
      "choose another search for any other model."
    )
  return exchanges([str(text) for text in question.texts], question.slopes)


def _log_probabilities(output: np.ndarray, num_texts: int) -> np.ndarray:
  """Log-probabilities `[N, K]` of logits, probabilities or labels.

  Raises:
    ValueError: the output is none of these.
  """
  output = np.asarray(output)
  if output.ndim == 1 and np.issubdtype(output.dtype, np.integer):
    output = np.eye(max(2, output.max(initial=1) + 1))[output]
  if output.ndim != 2 or len(output) != num_texts or output.shape[1] < 2:
    raise ValueError(
      f"the model returned {output.dtype} {output.shape} for {num_texts} "
      f"texts: expected scores [{num_texts}, K] of two classes or more, or "
      f"integer labels [{num_texts}]."
    )
  output = output.astype(np.float64)
  sums = output.sum(axis=1)
  if np.all(output >= 0) and np.allclose(sums, 1, atol=1e-3):
    return np.log(np.maximum(output, _SMALLEST))
  return log_softmax(output, axis=1)
