"""Laws of every family of texts; they are discovered, not listed."""

import random

import numpy as np
import pytest

from robust_jax import lookup
from robust_jax.comparison.data_kinds import Texts
from robust_jax.comparison.transformation import Family, example_number

PACKAGE = "comparison.text_families"
FAMILIES = lookup.members(PACKAGE)
# Every text has something for every change.
RICH = (
  'Anna said "it isn\'t good" in Rome : I am not sure , but the 25 actors are.',
  "The film David saw in Paris does not work , and it's long: 120 minutes!",
  "In Germany , 30 critics said Laura didn't act; it is a 'great' success.",
  "You are wrong , Peter: we haven't seen the 90 films of Japan. It is sad !",
  "Mary, it is 1999 in London , and nobody can't like the 'film'. I am happy.",
)
# None of these may break a change, nor become empty.
STRANGE = (
  "a",
  "!",
  "♥ 👍🏽",
  "這部電影不好看。",
  "Фильм, который не понравился 12 зрителям.",
  "Ce n'est pas l'été, naïve café",
  "the",
  "\tone\n\ntwo ",
  "🙂" * 40,
  "word " * 600,
  "<b>&amp;</b> 'x' \\1 \\g<0>",
)


def members(name, texts=RICH):
  return lookup.find(PACKAGE, name)(texts).transformations


EACH = [(name, change) for name in FAMILIES for change in members(name)]
each_family = pytest.mark.parametrize("name", FAMILIES)
each_change = pytest.mark.parametrize(
  "change", [change for _, change in EACH], ids=lambda change: change.name
)


def apply(change, texts, level, seed=0):
  numbers = [example_number(text) for text in texts]
  return Texts().transform(
    change, tuple(texts), np.array(numbers, np.uint32), level, seed, len(texts)
  )


@each_family
def test_a_family_is_about_something_and_names_differ(name):
  made = lookup.find(PACKAGE, name)(RICH)
  assert isinstance(made, Family)
  assert made.about.endswith(".")
  assert not made.left_out
  names = [change.name for change in made.transformations]
  assert len(set(names)) == len(names)
  for change in made.transformations:
    assert list(change.levels) == sorted(set(change.levels))
    assert all(change.labels)


@each_change
def test_every_level_alters_every_text_that_has_what_it_changes(change):
  for level in change.levels:
    changed = apply(change, RICH, level)
    same = [a for a, b in zip(RICH, changed, strict=True) if a == b]
    assert len(same) == (len(RICH) if change.name == "identity" else 0), same


@each_family
def test_a_change_is_applied_or_left_out_with_a_reason(name):
  """Whatever the texts are, none disappears in silence."""
  rich = {change.name for change in members(name)}
  for texts in (["♥"] * 20, list(STRANGE), [*RICH, *["♥"] * 60]):
    made = lookup.find(PACKAGE, name)(texts)
    applied = {change.name for change in made.transformations}
    assert applied | set(made.left_out) == rich
    assert not applied & set(made.left_out)
    for reason in made.left_out.values():
      assert "a tenth is needed" in reason
    for change in made.transformations:
      if change.name != "identity":
        level = change.levels[-1]
        altered = [
          change.change(text, random.Random(i), level) != text
          for i, text in enumerate(texts)
        ]
        assert np.mean(altered) >= 0.1


@each_change
def test_any_text_stays_a_text(change):
  for level in change.levels:
    for text in apply(change, STRANGE, level):  # which refuses empty ones
      assert isinstance(text, str)
      text.encode()


@each_change
def test_it_is_a_function_of_text_number_and_seed_alone(change):
  """Not of the neighbors, the place in the batch, or what ran before."""
  level = change.levels[-1]
  whole = apply(change, RICH, level)
  assert apply(change, RICH[::-1], level)[::-1] == whole
  assert apply(change, RICH[2:3], level) == whole[2:3]


@each_change
def test_a_higher_level_changes_more(change):
  """Words that a level leaves are left by those below it."""
  text = " ".join(RICH)
  counts = [
    sum(piece.kind != "same" for piece in Texts().show(text, new)["pieces"])
    + len(new) / 1e6  # longer insertions are one piece
    for level in change.levels
    for new in apply(change, [text], level)
  ]
  if change.name not in (
    "joined_words",
    "function_words",
  ):  # neighbors are one piece
    assert counts == sorted(counts)
  assert len(set(counts)) == len(counts)
