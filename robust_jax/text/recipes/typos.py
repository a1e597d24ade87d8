"""Attacks by edits of characters."""

from robust_jax.text import constraints, edits, goals, searches
from robust_jax.text.edit_set import EditSet
from robust_jax.text.recipes.base import Recipe


def deep_word_bug(*, max_edit_distance: int = 30, seed: int = 0) -> Recipe:
  """DeepWordBug: one random swap, substitution, deletion, insertion per word.

  Words are tried in the order of what the probability of the label loses when a
  word becomes an unknown one. Every character may change.

  Args:
    max_edit_distance: largest edit distance of the two texts.
    seed: of the choice of one edit of each kind for each word.

  Source: Gao, Lanchantin, Soffa and Qi 2018, "Black-box generation of
  adversarial text sequences to evade deep learning classifiers".

  Deviation: words are ordered by replacing them by an unknown word, as in
  TextAttack, instead of the paper's temporal head and tail scores; function
  words stay.

  Example:
    >>> from robust_jax.text import recipes
    >>> from robust_jax.text.split_text import split
    >>> edit_set = recipes.deep_word_bug().edit_set
    >>> len(edit_set.replacements(split("great"), 0))
    4
  """
  kinds = (
    edits.swap_characters(keep_first=False, keep_last=False),
    edits.substitute_characters(keep_first=False, keep_last=False),
    edits.delete_characters(keep_first=False, keep_last=False),
    edits.insert_characters(keep_first=False, keep_last=False),
  )
  return Recipe(
    EditSet(
      edits.union(*(edits.random_choice(kind, seed=seed) for kind in kinds)),
      [
        constraints.protect_words(),
        constraints.max_edit_distance(max_edit_distance),
      ],
    ),
    searches.ranked_search(importance="unknown"),
    goals.lower_probability(),
  )


def pruthi(*, num_words: int = 1) -> Recipe:
  """Pruthi et al.: all typos inside a few words, exhaustive for one word.

  Swaps, deletions, insertions of all letters and keyboard typos, which leave
  the first and last character of a word of four or more.

  Args:
    num_words: largest number of edited words, the k of the paper.

  Source: Pruthi, Dhingra and Lipton 2019, "Combating adversarial misspellings
  with robust word recognition", section 3.

  Deviation: one smallest length of four for all kinds of edits; function words
  stay, as in TextAttack, whose insertions are one random letter per place.

  Example:
    >>> from robust_jax.text import recipes
    >>> from robust_jax.text.split_text import split
    >>> edit_set = recipes.pruthi().edit_set
    >>> len(edit_set.replacements(split("great"), 0))
    118
  """
  edit = edits.union(
    edits.swap_characters(),
    edits.delete_characters(),
    edits.insert_characters(),
    edits.keyboard_typos(),
  )
  return Recipe(
    EditSet(
      edit,
      [
        constraints.min_word_length(4),
        constraints.protect_words(),
        constraints.max_words(num_words),
      ],
    ),
    searches.greedy_search(num_steps=num_words),
    goals.lower_probability(),
  )


def random_typos(*, num_words: int = 1, num_samples: int = 1) -> Recipe:
  """Random typos: Pruthi's edits of random words, the worst of a few draws.

  Args:
    num_words: number of words with a typo.
    num_samples: number of draws; 1 is noise, more is worst-of-k.

  Example:
    >>> from robust_jax.text import recipes
    >>> from robust_jax.text.split_text import split
    >>> recipes.random_typos().edit_set.places(split("such a good film"))
    [2, 3]
  """
  return Recipe(
    pruthi(num_words=num_words).edit_set,
    searches.random_search(num_samples=num_samples, num_edits=num_words),
    goals.lower_probability(),
  )


def text_bugger(*, max_fraction: float = 0.2) -> Recipe:
  """TextBugger's edits of characters: space, deletion, swap, look-alike.

  Words are tried in the order of what the label loses when they are deleted.

  Args:
    max_fraction: largest fraction of the words that change, in place of a bound
      on the similarity of sentence embeddings.

  Source: Li, Ji, Du, Li and Wang 2019, "TextBugger: generating adversarial text
  against real-world applications", section III.

  Deviation: no replacement by nearest words and no sentence encoder, both of
  which need pretrained embeddings.

  Example:
    >>> from robust_jax.text import recipes
    >>> from robust_jax.text.split_text import split
    >>> edit_set = recipes.text_bugger().edit_set
    >>> edit_set.replacements(split("good"), 0)[:5]
    ['g ood', 'go od', 'goo d', 'god', 'g\u043eod']
  """
  edit = edits.union(
    edits.insert_space(),
    edits.delete_characters(),
    edits.swap_characters(),
    edits.homoglyphs(),
  )
  return Recipe(
    EditSet(
      edit,
      [
        constraints.protect_words(),
        constraints.max_words(fraction=max_fraction),
      ],
    ),
    searches.ranked_search(importance="delete"),
    goals.lower_probability(),
  )
