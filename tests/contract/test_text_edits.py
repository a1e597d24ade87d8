"""Laws of all edits, constraints, goals and searches of texts."""

import inspect

import numpy as np
import pytest

from robust_jax import lookup
from robust_jax.text import goals as goals_module
from robust_jax.text import recipes
from robust_jax.text.attack_texts import attack_texts
from robust_jax.text.constraints import max_words, min_word_length
from robust_jax.text.edit_set import EditSet
from robust_jax.text.edits import substitute_characters
from robust_jax.text.predict_texts import TokenModel
from robust_jax.text.searches import greedy_search
from robust_jax.text.split_text import split
from robust_jax.text.tokenizer import train_tokenizer

EDITS = lookup.members("text.edits")
OF_CHARACTERS = [
  name
  for name in EDITS
  if "keep_first"
  in inspect.signature(lookup.find("text.edits", name)).parameters
]
SEARCHES = lookup.members("text.searches")
GOALS = lookup.members("text.goals")
RECIPES = lookup.members("text.recipes")
WORDS = ("good", "Great", "isn't", "films", "naïve", "über-cool", "2024", "A")
TABLE = {
  "good": ["fine", "nice"],
  "great": ["grand"],
  "films": ["movies"],
  "planet": ["world"],
}
TOKENIZER = train_tokenizer(
  ["good Great isn't films naïve über-cool 2024 A such and today planet z"]
)
TEXT = "A good film, with great acting and 2 naïve jokes; isn't it?"


def options(factory):
  """Values of what a member asks for and has no default of."""
  known = {
    "table": TABLE,
    "texts": ["she said"],
    "target": 1,
    "tokenizer": TOKENIZER,
    "edit": substitute_characters(),
    "edits": [substitute_characters()],
    "text_search": greedy_search(),
  }
  parameters = inspect.signature(factory).parameters.values()
  return {
    p.name: known[p.name]
    for p in parameters
    if p.default is p.empty and p.kind is not p.VAR_POSITIONAL
  }


def make(kind, name):
  factory = lookup.find(kind, name)
  if name == "union":
    return factory(substitute_characters("xy"), substitute_characters("yz"))
  return factory(**options(factory))


def count_of_z(texts):
  """Scores of three classes: the more letters z, the less the first one."""
  z = np.array([text.lower().count("z") for text in texts], float)
  return np.stack([2.5 - z, z / 2, z], axis=1)


def white_box(predict):
  """The function with a gradient of zero, for searches that ask for one."""

  class WhiteBox(TokenModel):
    def __call__(self, texts):
      return predict(texts)

    def exchanges(self, texts, slopes):
      predict(texts)  # which counts them
      return super().exchanges(texts, slopes)

  def gains(tokens, mask, slopes):
    return np.zeros((*tokens.shape, TOKENIZER.get_vocab_size()))

  return WhiteBox(None, gains, TOKENIZER, 64)


@pytest.mark.parametrize("name", EDITS)
def test_edits_list_other_words_once_in_one_order(name):
  edit = make("text.edits", name)
  for word in WORDS:
    replacements = list(edit(word))
    assert word not in replacements
    assert len(set(replacements)) == len(replacements)
    assert list(edit(word)) == replacements


@pytest.mark.parametrize("name", EDITS)
def test_no_edit_is_silently_empty(name):
  edit = make("text.edits", name)
  assert all(list(edit(word)) for word in ("Planet", "great", "films"))


@pytest.mark.parametrize("name", EDITS)
def test_edits_bear_any_word(name):
  edit = make("text.edits", name)
  for word in ("", "x", "é", "\u05d0\u05d1", "中文", "\U0001f600", "a" * 200):
    assert word not in edit(word)


@pytest.mark.parametrize("name", OF_CHARACTERS)
def test_ends_of_words_are_kept_on_request(name):
  factory = lookup.find("text.edits", name)
  kept = factory(keep_first=True, keep_last=True)
  free = factory(keep_first=False, keep_last=False)
  for word in WORDS:
    assert all(new[0] == word[0] and new[-1] == word[-1] for new in kept(word))
    assert set(kept(word)) <= set(free(word))
  assert any(new[0] != "p" for new in free("planet"))


@pytest.mark.parametrize("name", SEARCHES)
class TestSearches:
  def run(self, name, edit_set, texts=(TEXT,), labels=(0,), **options):
    search = make("text.searches", name)
    return list(
      attack_texts(
        white_box(count_of_z), texts, labels, edit_set, search, **options
      )
    )

  def test_finds_what_takes_three_words(self, name):
    (result,) = self.run(name, EditSet(substitute_characters("z")))
    assert result.status == "successful"
    assert result.words_changed >= 2
    assert count_of_z([result.adversarial]).argmax() == result.after != 0

  def test_results_are_in_the_set(self, name):
    edit_set = EditSet(
      substitute_characters("yz"), [max_words(2), min_word_length(4)]
    )
    (result,) = self.run(name, edit_set)
    assert edit_set.contains(result.original, result.edited)
    assert result.words_changed <= 2

  def test_the_other_texts_change_nothing(self, name):
    edit_set = EditSet(substitute_characters("yz"))
    alone = self.run(name, edit_set)
    (first, *_) = self.run(name, edit_set, [TEXT, "other text", ""], [0, 0, 0])
    assert first == alone[0]

  def test_nothing_to_edit_is_a_failure_of_one_query(self, name):
    texts = ["", "...", "\U0001f600 !"]
    results = self.run(
      name, EditSet(substitute_characters("z")), texts, [0] * 3
    )
    assert [r.status for r in results] == ["failed"] * 3
    assert [r.queries for r in results] == [1] * 3
    assert [r.adversarial for r in results] == texts

  def test_misclassified_texts_are_skipped(self, name):
    edit_set = EditSet(substitute_characters("z"))
    (result,) = self.run(name, edit_set, labels=[1])
    assert (result.status, result.queries) == ("skipped", 1)

  @pytest.mark.parametrize("budget", [3, 4, 17])
  def test_keeps_to_its_budget(self, name, budget):
    asked = []

    def predict(texts):
      asked.extend(texts)
      return count_of_z(texts)

    search = make("text.searches", name)
    edit_set = EditSet(substitute_characters("yz"))
    (result,) = attack_texts(
      white_box(predict), [TEXT], [0], edit_set, search, max_queries=budget
    )
    assert result.queries == len(asked) <= budget

  def test_nan_never_wins(self, name):
    def predict(texts):
      scores = count_of_z(texts)
      scores[["x" in text.lower() for text in texts]] = np.nan
      return scores

    search = make("text.searches", name)
    edit_set = EditSet(substitute_characters("x"))
    (result,) = attack_texts(white_box(predict), [TEXT], [0], edit_set, search)
    assert result.adversarial == TEXT


@pytest.mark.parametrize("name", GOALS)
def test_goals_are_reached_only_at_other_predictions_or_texts(name):
  goal = make("text.goals", name)
  text = split(TEXT)
  scores = np.log([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.5, 0.5, 0.0001]])
  value, reached = goal(scores, 0, [text] * 3)
  assert value.shape == reached.shape == (3,)
  assert reached.dtype == bool
  if goal is not goals_module.fewest_words:
    assert not reached[0]
    assert not reached[2]  # a tie is no success


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_attack_a_text(name):
  recipe = make("text.recipes", name)
  seen = set()

  def predict(texts):  # doubts all words that it did not see at first
    seen.update(texts[0].split() if not seen else ())
    odd = np.array([len(set(t.split()) - seen) for t in texts], float)
    return np.stack([0.5 - odd, odd], axis=1)

  (result,) = recipe.run(
    white_box(predict), ["such good and great films today"], [0]
  )
  assert result.status == "successful"
  assert recipe.edit_set.contains(result.original, result.edited)


def test_exhaustive_search_finds_what_greedy_search_finds():
  rng = np.random.default_rng(0)
  weights = rng.normal(size=256)

  def predict(texts):
    value = [sum(weights[ord(c) % 256] for c in text) for text in texts]
    return np.stack([np.full(len(texts), 1.0), np.array(value)], axis=1)

  exhaustive = recipes.pruthi()
  words = ["brilliant", "acting", "despite", "terrible", "pacing", "wooden"]
  texts = [" ".join(rng.permutation(words)[:4]) for _ in range(20)]
  labels = predict(texts).argmax(axis=1)
  found = list(exhaustive.run(predict, texts, labels))
  ranked_search = lookup.find("text.searches", "ranked_search")
  others = [
    ranked_search(importance=name)
    for name in ("unknown", "delete", "gradient", "random")
  ]
  others.append(lookup.find("text.searches", "hot_flip_search")(num_steps=1))
  for search in others:
    ranked = attack_texts(
      white_box(predict),
      texts,
      labels,
      exhaustive.edit_set,
      search,
      goal=exhaustive.goal,
    )
    for best, other in zip(found, ranked, strict=True):
      assert best.status == "successful" or other.status == "failed"


def test_labels_in_place_of_scores_suffice():
  predict = lambda texts: count_of_z(texts).argmax(axis=1)
  search = make("text.searches", "random_search")
  (result,) = attack_texts(
    predict, [TEXT], [0], EditSet(substitute_characters("z")), search
  )
  assert result.status == "successful"
