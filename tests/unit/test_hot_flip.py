"""HotFlip's first-order values beside the values of exchanged texts."""

import functools

import jax
import numpy as np
import pytest

from robust_jax import lookup
from robust_jax.models.inference import inference_fn
from robust_jax.models.text.embeddings import embeddings_of
from robust_jax.text import edits, goals, recipes, searches
from robust_jax.text.attack_texts import attack_texts
from robust_jax.text.edit_set import EditSet
from robust_jax.text.predict_texts import predict_texts
from robust_jax.text.split_text import split
from robust_jax.text.tokenizer import train_tokenizer

CORPUS = [
  "a good film with playing actors",
  "a bad plot, and playful acting isn't enough",
]
TEXTS = ["A good plot!", "playing bad actors", "isn't a film", "\u20ac5 films"]
KINDS = ("word", "word_piece", "character")
LENGTH = 64


@functools.cache
def opened(kind, name="bag_of_words"):
  """A tokenizer and a random model of its tokens, as a function of strings."""
  tokenizer = train_tokenizer(CORPUS, kind=kind, vocabulary_size=60)
  model = lookup.find("models", name)(tokenizer.get_vocab_size(), width=8)
  x = {"tokens": np.zeros((1, 8), int), "mask": np.ones((1, 8))}
  variables = jax.jit(model.init)(jax.random.key(0), x)
  predict = predict_texts(
    inference_fn(model, variables),
    tokenizer,
    LENGTH,
    embeddings=embeddings_of(variables),
  )
  return tokenizer, predict


def margin(predict, texts):
  logits = predict(texts)
  return logits[:, 1] - logits[:, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_first_order_values_of_a_linear_model_are_exact(kind):
  tokenizer, predict = opened(kind)
  edit_set = EditSet(edits.exchange_tokens(tokenizer))
  slopes = np.tile([-1.0, 1.0], (len(TEXTS), 1))
  compared = 0
  for text, exchanges in zip(
    map(split, TEXTS), predict.exchanges(TEXTS, slopes), strict=True
  ):
    for place in edit_set.places(text):
      gains = exchanges.of_replacements(edit_set, text, place, text)
      new = [str(new) for new in edit_set.neighbors(text, text, place)]
      which, tokens = exchanges.replaced_tokens.find(edit_set, text, place)
      assert len(new) == len(gains) == len(which)
      found = margin(predict, new) - margin(predict, [str(text)])
      for i, encoded in enumerate(tokenizer.encode_batch(new)):
        differing = [
          a
          for a, b in zip(encoded.ids, exchanges.tokens, strict=False)
          if a != b
        ]
        # A word may be read as other pieces than those it was made of.
        alike = differing == [tokens[i]] and which[i] >= 0
        if alike and len(encoded.ids) == len(exchanges.tokens):
          assert gains[i] == pytest.approx(found[i], abs=1e-5)
          compared += 1
  assert compared > 40


@pytest.mark.parametrize("kind", KINDS)
def test_every_exchange_is_another_token(kind):
  """Those of a word are as many as other tokens for each of its own."""
  tokenizer, _ = opened(kind)
  new = edits.exchange_tokens(tokenizer)("playing")
  assert len(new) == len(list(new)) > 5
  assert [new[i] for i in range(len(new))] == list(new)
  assert all(word in new for word in new)
  assert "playing" not in new
  assert "" not in new
  assert "playing bad" not in new


def test_importance_is_that_of_an_unknown_word():
  """In a linear model, where the first order is exact."""
  _, predict = opened("word")
  text = split("a good film")
  (exchanges,) = predict.exchanges([str(text)], np.array([[-1.0, 1.0]]))
  for place in range(3):
    unknown = str(text.replace(place, "[UNK]"))
    found = margin(predict, [unknown]) - margin(predict, [str(text)])
    assert exchanges.importance(text, place) == pytest.approx(
      found.item(), abs=1e-5
    )


@pytest.mark.parametrize(
  ("kind", "name"),
  [
    ("word", "word_cnn"),
    ("word_piece", "text_transformer"),
    ("character", "character_cnn"),
  ],
)
def test_attacks_models_of_all_kinds_of_tokens(kind, name):
  tokenizer, predict = opened(kind, name)
  texts = ["a good film with playing actors"]
  label = int(predict(texts).argmax())
  recipe = recipes.hot_flip(tokenizer, max_words=4, width=3, num_candidates=4)
  (result,) = recipe.run(predict, texts, [label])
  value = lambda text: goals.untargeted()(predict([text]), label, [])[0].item()
  assert value(result.adversarial) > value(texts[0])
  assert recipe.edit_set.contains(result.original, result.edited)


def test_words_behind_the_cut_are_not_looked_at():
  tokenizer, _ = opened("word")
  _, predict = opened("word")
  text = split(" ".join(["film"] * (LENGTH + 1)))
  edit_set = EditSet(edits.exchange_tokens(tokenizer))
  (exchanges,) = predict.exchanges([str(text)], np.array([[-1.0, 1.0]]))
  first, last = (
    exchanges.of_replacements(edit_set, text, place, text)
    for place in (0, LENGTH)
  )
  assert first.any()
  assert not last.any()


def test_a_black_box_is_refused():
  _, predict = opened("word")
  for search in (
    searches.hot_flip_search(),
    searches.ranked_search(importance="gradient"),
  ):
    attack = attack_texts(
      lambda texts: predict(texts),
      ["a good film"],
      [int(predict(["a good film"]).argmax())],
      EditSet(edits.drop_word()),
      search,
    )
    with pytest.raises(ValueError, match="expected one of `predict_texts`"):
      list(attack)
