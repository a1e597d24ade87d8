"""Searches for an edited text, as generators that ask for values.

A `TextSearch` is called as `search(edit_set, text, value, rng)`, where value is
that of the original text. It yields lists of edited texts and gets their values
`[N]`, larger for better ones, until it has no more questions. A search that
knows the model's gradient also yields `AskExchanges` of texts. `attack_texts`
runs the searches of many texts side by side, answers them with one call of the
model, keeps the best text of each, and ends a search that has reached its goal.
"""

from robust_jax.text.searches.beam import beam_search
from robust_jax.text.searches.genetic import genetic_search
from robust_jax.text.searches.greedy import greedy_search, ranked_search
from robust_jax.text.searches.hot_flip import hot_flip_search
from robust_jax.text.searches.random import random_search

__all__ = [
  "beam_search",
  "genetic_search",
  "greedy_search",
  "hot_flip_search",
  "random_search",
  "ranked_search",
]
