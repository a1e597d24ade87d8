"""HotFlip: beam search over the edits that a gradient finds promising."""

from collections.abc import Iterator

import numpy as np

from robust_jax import checks
from robust_jax.text.edit_set import EditSet
from robust_jax.text.searches.base import Questions, TextSearch
from robust_jax.text.split_text import SplitText
from robust_jax.text.token_exchanges import AskExchanges, TokenExchanges


def hot_flip_search(
  *, width: int = 10, num_candidates: int = 10, num_steps: int | None = None
) -> TextSearch:
  """HotFlip: beam search over the edits that a gradient finds promising.

  One backward pass values all exchanges of tokens of a text to first order. The
  most promising edited texts are tokenized anew and scored by the model, and
  the best of them are kept. A replacement that exchanges several tokens has no
  such value and comes behind those that promise a gain.

  Args:
    width: number of texts that are kept at each step.
    num_candidates: number of edited texts of each of them that are scored.
    num_steps: largest number of edited words; None for all words.

  Source: Ebrahimi, Rao, Lowd and Dou 2018, "HotFlip: white-box adversarial
  examples for text classification", section 3.

  Deviation: texts are kept by their scores instead of by sums of first-order
  values.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.text import attack_texts, edits, edit_set, searches
    >>> from robust_jax.text.predict_texts import predict_texts
    >>> from robust_jax.text.tokenizer import train_tokenizer
    >>> tokenizer = train_tokenizer(["a good bad film"])
    >>> table = jnp.eye(9)[:, tokenizer.token_to_id("good")][:, None]
    >>> def model(x):  # whether there is a token "good"
    ...   good = (table[x["tokens"]] + x.get("delta", 0)).sum((1, 2))
    ...   return jnp.stack([0.5 - good, good - 0.5], 1)
    >>> (result,) = attack_texts.attack_texts(
    ...   predict_texts(model, tokenizer, length=4, embeddings=table),
    ...   ["a good film"],
    ...   [1],
    ...   edit_set.EditSet(edits.exchange_tokens(tokenizer)),
    ...   searches.hot_flip_search(num_candidates=1),
    ... )
    >>> result.adversarial, result.queries
    ('a a film', 4)
  """
  checks.at_least_one("width", width)
  checks.at_least_one("num_candidates", num_candidates)
  if num_steps is not None:
    checks.at_least_one("num_steps", num_steps)

  def search(edit_set, text, value, rng) -> Questions:
    del value, rng
    if not edit_set.places(text):
      return
    beam = [text]
    for _ in range(len(text.words) if num_steps is None else num_steps):
      answers = yield AskExchanges(beam)
      candidates = list(
        dict.fromkeys(
          new
          for kept, exchanges in zip(beam, answers, strict=True)
          for new in _promising(edit_set, text, kept, exchanges, num_candidates)
        )
      )
      if not candidates:
        return
      values = yield candidates
      beam = [candidates[i] for i in (-values).argsort(kind="stable")[:width]]

  return search


def _promising(
  edit_set: EditSet,
  original: SplitText,
  current: SplitText,
  exchanges: TokenExchanges,
  number: int,
) -> Iterator[SplitText]:
  """The allowed texts with one more word edited of largest first-order gain."""
  edited = set(current.changed(original))
  places = [p for p in edit_set.places(original) if p not in edited]
  if not places:
    return
  gains = [
    exchanges.of_replacements(edit_set, original, place, current)
    for place in places
  ]
  ends = np.cumsum([len(of_place) for of_place in gains])
  for i in np.argsort(-np.concatenate(gains), kind="stable"):
    which = int(np.searchsorted(ends, i, side="right"))
    index = int(i - ends[which] + len(gains[which]))
    place = places[which]
    new = current.replace(place, edit_set.replacements(original, place)[index])
    if edit_set.allows(original, new):
      yield new
      number -= 1
      if not number:
        return
