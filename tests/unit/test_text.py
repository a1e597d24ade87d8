"""Splitting of texts, WordNet's files, results, and bad input of attacks."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from robust_jax.text import constraints, edits, searches
from robust_jax.text.attack_texts import attack_texts
from robust_jax.text.constraints import edit_distance
from robust_jax.text.edit_set import EditSet
from robust_jax.text.results import TextResult, differences, summary
from robust_jax.text.split_text import split
from robust_jax.text.tables import nearest_words, read_wordnet


@hypothesis.given(st.text())
def test_splitting_and_joining_is_the_identity(text):
  assert str(split(text)) == text


@hypothesis.given(st.text(alphabet="ab -'.é", max_size=20))
def test_words_hold_no_spaces_and_gaps_no_letters(text):
  words, gaps = split(text)
  assert len(gaps) == len(words) + 1
  assert all(word and not word.isspace() for word in words)
  assert not any(c.isalnum() for gap in gaps for c in gap)


@pytest.mark.parametrize(
  ("text", "place", "left"),
  [
    ("a b c", 1, "a c"),
    ("a b c", 0, "b c"),
    ("a b c", 2, "a b"),
    ("not good.", 1, "not."),
    ("(a) b", 0, "() b"),
  ],
)
def test_a_dropped_word_takes_a_space_with_it(text, place, left):
  assert str(split(text).replace(place, "")) == left


def test_edit_distance_of_known_pairs():
  pairs = {("", "abc"): 3, ("kitten", "sitting"): 3, ("ab", "ba"): 2}
  assert {pair: edit_distance(*pair) for pair in pairs} == pairs


@hypothesis.given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edit_distance_is_a_metric_bounded_by_length(a, b):
  distance = edit_distance(a, b)
  assert distance == edit_distance(b, a)
  assert (distance == 0) == (a == b)
  assert abs(len(a) - len(b)) <= distance <= max(len(a), len(b))


def test_number_of_inner_edits_of_a_word_of_distinct_letters():
  word = "planet"
  n = len(word)
  assert len(edits.swap_characters()(word)) == n - 3
  assert len(edits.delete_characters()(word)) == n - 2
  assert len(edits.substitute_characters()(word)) == 25 * (n - 2)
  # A letter beside its equal makes one word from either side.
  assert len(edits.insert_characters()(word)) == 26 * (n - 1) - (n - 2)
  assert len(edits.insert_space()(word)) == n - 1


def test_the_keyboard_is_symmetric():
  typo = edits.keyboard_typos(keep_first=False, keep_last=False)
  letters = "abcdefghijklmnopqrstuvwxyz"
  beside = {letter: set(typo(letter)) for letter in letters}
  assert beside["s"] == set("weadzx")
  assert beside["p"] == set("ol")
  assert all(a in beside[b] for a in letters for b in beside[a])


def test_synsets_of_wordnet(tmp_path):
  (tmp_path / "data.adj").write_text(
    "  1 This software and database is being provided\n"
    "00001740 00 a 02 good 0 full(p) 0 001 = 05200169 n 0000 | x\n"
    "00002098 00 s 01 lone 0 000 | y\n"
  )
  (tmp_path / "data.verb").write_text(
    "00003000 29 v 02 give_up 0 Quit 1 000 01 + 01 00 | z\n"
  )
  assert read_wordnet(tmp_path) == {
    "good": ["full"],
    "full": ["good"],
    "give up": ["Quit"],
    "quit": ["give up", "Quit"],
  }


def test_bad_wordnet(tmp_path):
  with pytest.raises(ValueError, match=r"the folder 'dict' of WordNet"):
    read_wordnet(tmp_path)
  (tmp_path / "data.noun").write_text("a b c\n")
  with pytest.raises(ValueError, match=r"data.noun, line 1: 'a b c"):
    read_wordnet(tmp_path)


def test_nearest_words_are_those_of_largest_cosine():
  table = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
  words = {f"w{i}": i for i in range(29)} | {"[UNK]": 29}
  near = nearest_words(table, words, number=3, min_cosine=0.2)
  unit = table / np.linalg.norm(table, axis=1, keepdims=True)
  for word, found in near.items():
    cosines = {w: unit[words[word]] @ unit[i] for w, i in words.items()}
    del cosines[word], cosines["[UNK]"]
    best = sorted(cosines, key=cosines.get, reverse=True)[:3]
    assert found == [w for w in best if cosines[w] >= 0.2]
  assert len(near) > 20


def test_summary_counts_what_was_attacked():
  a, b = split("a good film"), split("a godo film")
  won = TextResult(a, b, 1, 1, 0, "successful", 10)
  lost = TextResult(a, b, 1, 1, 1, "failed", 20)
  skipped = TextResult(a, a, 1, 0, 0, "skipped", 1)
  figures = summary([won, lost, lost, skipped])
  assert figures["accuracy"] == 0.75
  assert figures["robust_accuracy"] == 0.5
  assert figures["success_rate"] == pytest.approx(1 / 3)
  assert figures["words_changed"] == pytest.approx(1 / 3)
  assert figures["queries"] == pytest.approx(50 / 3)
  assert np.isnan(summary([skipped])["queries"])


def test_differences_mark_old_and_new_words():
  a = split("a good film.")
  rendered = differences(
    TextResult(a, a.replace(1, "bad"), 1, 1, 0, "successful", 3)
  )
  assert rendered.plain == "a good bad film."
  styles = {
    rendered.plain[span.start : span.end]: span.style for span in rendered.spans
  }
  assert styles == {"good": "red strike", "bad": "green"}


@pytest.mark.parametrize(
  ("output", "message"),
  [
    (np.zeros((1, 1)), r"expected scores \[1, K\] of two classes"),
    (np.zeros((2, 2)), r"returned float64 \(2, 2\) for 1 texts"),
    (np.zeros(1), r"or integer labels \[1\]"),
  ],
)
def test_outputs_that_are_no_scores(output, message):
  attack = attack_texts(
    lambda texts: output,
    ["a good film"],
    [0],
    EditSet(edits.drop_word()),
    searches.greedy_search(),
  )
  with pytest.raises(ValueError, match=message):
    list(attack)


def test_logits_probabilities_and_log_probabilities_are_attacked_alike():
  def logits(texts):
    z = np.array([text.count("z") for text in texts], float)
    return np.stack([1.5 - z, z], axis=1)

  def probabilities(texts):
    odds = np.exp(logits(texts))
    return odds / odds.sum(axis=1, keepdims=True)

  def run(predict):
    edit_set = EditSet(edits.insert_characters("yz"))
    return list(
      attack_texts(
        predict, ["a good film"], [0], edit_set, searches.greedy_search()
      )
    )

  assert run(logits) == run(probabilities)


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: searches.greedy_search(num_steps=0), "num_steps"),
    (lambda: searches.ranked_search(importance="x"), "expected one of unknown"),
    (lambda: searches.genetic_search(population_size=1), "expected 2 or more"),
    (lambda: constraints.max_words(), "expected one of them"),
    (lambda: edits.union(), "expected one or more"),
    (lambda: edits.append_words([""]), "texts to insert"),
    (lambda: summary([]), "expected one or more"),
    (
      lambda: list(attack_texts(len, ["a"], [], None, None)),
      "1 texts and 0 labels",
    ),
    (
      lambda: list(attack_texts(len, ["a"], [0], None, None, max_queries=2)),
      "expected 3 or more",
    ),
  ],
)
def test_bad_options(make, message):
  with pytest.raises(ValueError, match=message):
    make()
