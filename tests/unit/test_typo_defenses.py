"""Copies with typos, the worst of them, and recognition of words."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import attacks, augmentation, losses, perturbations, search
from robust_jax.data.misspelled_words import misspelled_words
from robust_jax.data.readers.text_table import TextTable
from robust_jax.data.text_files import tokenized
from robust_jax.models.text.semi_character_rnn import semi_characters
from robust_jax.text import edits
from robust_jax.text.edited_copies import TYPOS, edited_copies
from robust_jax.text.split_text import split
from robust_jax.text.tokenizer import train_tokenizer
from robust_jax.text.word_recognition import (
  NUM_CHARACTERS,
  behind,
  encode_words,
  word_recognizer,
)

TEXTS = ["A good film, with great acting!", "", "it isn't, is it?"]
KEY = jax.random.key(0)


class TestCopies:
  def test_every_word_is_itself_or_has_one_typo(self):
    for copy in edited_copies(TEXTS, 5, fraction=0.7):
      for text, new in zip(TEXTS, copy, strict=True):
        before, after = split(text), split(new)
        assert after.gaps == before.gaps
        for a, b in zip(before.words, after.words, strict=True):
          assert a == b or (len(a) >= 4 and any(b in kind(a) for kind in TYPOS))

  def test_copies_differ_and_depend_on_text_and_seed_alone(self):
    copies = edited_copies(TEXTS, 4, fraction=1.0)
    assert len({copy[0] for copy in copies}) > 1
    alone = edited_copies(TEXTS[:1], 4, fraction=1.0)
    assert [copy[0] for copy in copies] == [copy[0] for copy in alone]
    assert edited_copies(TEXTS, 4, fraction=1.0, seed=1) != copies

  def test_no_edits(self):
    assert edited_copies(TEXTS, 2, fraction=0.0) == [TEXTS, TEXTS]

  @pytest.mark.parametrize(
    "options", [{"number": 0}, {"number": 1, "fraction": 1.5}]
  )
  def test_bad_options(self, options):
    with pytest.raises(ValueError, match="expected"):
      edited_copies(TEXTS, **options)


class TestVariants:
  """A dataset of copies, and the worst of them by the set and grid search."""

  def dataset(self):
    tokenizer = train_tokenizer(TEXTS, kind="character")
    copies = edited_copies(TEXTS, 6, fraction=0.9)
    table = TextTable(TEXTS, ["0", "1", "0"], None)
    options = {"length": 40, "labels": ["0", "1"]}
    made = tokenized("x", table, tokenizer, copies=copies, **options)
    ones = [
      tokenized("x", TextTable(copy, table.labels, None), tokenizer, **options)
      for copy in (TEXTS, *copies)
    ]
    return made, ones

  def test_the_worst_is_that_of_all_copies(self):
    made, ones = self.dataset()
    rows = np.arange(3)
    x, y = (made.read(rows)[name] for name in ("x", "y"))
    weights = jax.random.normal(KEY, (40, 2))

    def model(x):
      return jnp.sin(x["tokens"] * x["mask"] * 1.0) @ weights

    attack = attacks.compose(
      search.grid_search,
      perturbations.variants(),
      losses.cross_entropy,
      num_points=6,
    )
    found = losses.cross_entropy(model(attack(KEY, model, x, y)), y)
    each = [losses.cross_entropy(model(one.read(rows)["x"]), y) for one in ones]
    np.testing.assert_allclose(found, np.max(each, axis=0), rtol=1e-6)

  def test_an_augmentation_draws_each_copy_and_the_text(self):
    made, ones = self.dataset()
    x = made.read(np.zeros(200, int))["x"]
    drawn = augmentation.perturb(perturbations.variants())(KEY, x)
    found = {row.tobytes() for row in np.asarray(drawn["tokens"])}
    texts = [one.read(np.arange(1))["x"]["tokens"] for one in ones]
    assert found == {text.astype(np.int32).tobytes() for text in texts}

  def test_inputs_without_variants_are_refused(self):
    x = {"tokens": jnp.zeros((1, 2), int), "mask": jnp.ones((1, 2))}
    for variants in ({}, {"tokens": jnp.zeros((1, 3, 4))}):
      with pytest.raises(ValueError, match="variants"):
        perturbations.variants().check({**x, "variants": variants})


class TestRecognition:
  @hypothesis.given(st.text(alphabet="abXY -'_.\u00e9", max_size=30))
  @hypothesis.settings(deadline=None)
  def test_the_vocabulary_has_the_words_that_are_split(self, text):
    tokenizer = train_tokenizer([text], kind="split_word", lowercase=False)
    tokens = tokenizer.encode(text).tokens
    assert tokens == list(split(text).words)

  def test_a_swap_inside_a_word_changes_nothing(self):
    word = "planet"
    swapped = edits.swap_characters()(word)
    x = encode_words([word, *swapped, "plabet"], 1, 8)["tokens"]
    seen = np.asarray(semi_characters(jnp.asarray(x), NUM_CHARACTERS))[:, 0]
    assert (seen[1:-1] == seen[0]).all()
    assert (seen[-1] != seen[0]).any()
    assert seen[0].sum() == len(word)

  def test_a_long_word_keeps_its_last_character(self):
    x = encode_words(["incomprehensibly", "incompry"], 1, 8)["tokens"]
    np.testing.assert_array_equal(x[0], x[1])

  def test_targets_are_the_words_before_their_typos(self):
    words = {"[UNK]": 1, "good": 5, "film": 6}
    made = misspelled_words(
      "x",
      ["Good film", "a good plot"],
      [["Godo flim", "a good plto"]],
      words,
      num_words=3,
      word_length=8,
      is_training=True,
    )
    read = made.read(np.arange(2))
    assert read["y"].tolist() == [[5, 6, -1], [1, 5, 1]]
    assert read["x"]["variants"]["tokens"].shape == (2, 1, 3, 8)
    assert read["x"]["mask"].sum() == 5

  @pytest.mark.parametrize(
    ("unknown", "expected"),
    [
      ("pass_through", "A good, plto! is it"),
      ("neutral", "A good, a! is it"),
    ],
  )
  def test_unknown_words(self, unknown, expected):
    recognize = self.recognizer(unknown=unknown)
    assert recognize(["A godo, plto! is it"]) == [expected]
    predict = behind(recognize, lambda texts: [len(text) for text in texts])
    assert predict(["A godo, plto! is it"]) == [len(expected)]

  def test_a_background_is_asked_for_unknown_words(self):
    recognize = self.recognizer(
      unknown="neutral",
      background=lambda texts: [t.replace("plto", "plot") for t in texts],
    )
    assert recognize(["A godo plto eats"]) == ["A good plot a"]

  def test_texts_of_all_lengths(self):
    recognize = self.recognizer()
    texts = ["godo " * n for n in (0, 1, 40, 17)] * 12
    assert recognize(texts) == [t.replace("godo", "good") for t in texts]

  def test_an_unknown_back_off(self):
    with pytest.raises(ValueError, match="pass_through, neutral"):
      self.recognizer(unknown="x")

  def recognizer(self, **options):
    """Knows one word, "good", by its first and last letter."""

    def model(x):
      first, last = (x["tokens"][..., i] for i in (0, 3))
      known = (first == 7) & (last == 15)  # g and o
      return jnp.stack([0 * known, ~known, known], axis=-1) * 1.0

    words = {"[PAD]": 0, "[UNK]": 1, "good": 2}
    return word_recognizer(model, words, word_length=8, **options)
