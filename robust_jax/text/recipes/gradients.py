"""Attacks by the gradient of a model of tokens."""

import tokenizers

from robust_jax.text import constraints, edits, goals, searches
from robust_jax.text.edit_set import EditSet
from robust_jax.text.recipes.base import Recipe


def hot_flip(
  tokenizer: tokenizers.Tokenizer,
  *,
  max_words: int = 2,
  width: int = 10,
  num_candidates: int = 10,
) -> Recipe:
  """HotFlip: exchanges of tokens by first-order values, with beam search.

  A token is a word, a piece of a word or a character, as the model has it, and
  becomes any other of letters and digits.

  Args:
    tokenizer: that of the model, see `text.tokenizer`.
    max_words: largest number of words with another token.
    width: see `text.searches.hot_flip_search`.
    num_candidates: likewise.

  Source: Ebrahimi, Rao, Lowd and Dou 2018, "HotFlip: white-box adversarial
  examples for text classification".

  Deviation: no bound on the distance of embeddings and no tagger, so that an
  exchange of words may turn the meaning; characters are not inserted or
  deleted; function words stay.

  Example:
    >>> from robust_jax.text import recipes
    >>> from robust_jax.text.split_text import split
    >>> from robust_jax.text.tokenizer import train_tokenizer
    >>> recipe = recipes.hot_flip(train_tokenizer(["a good film"]))
    >>> list(recipe.edit_set.replacements(split("film"), 0))
    ['a', 'good']
  """
  return Recipe(
    EditSet(
      edits.exchange_tokens(tokenizer),
      [constraints.protect_words(), constraints.max_words(max_words)],
    ),
    searches.hot_flip_search(
      width=width, num_candidates=num_candidates, num_steps=max_words
    ),
    goals.untargeted(),
  )
