"""Texts from files to tokens, and what models make of padding."""

import contextlib
import io

import jax
import numpy as np
import pytest
from tensorflow_datasets.text import glue

from robust_jax import lookup
from robust_jax.data.readers.text_table import read_text_table
from robust_jax.data.text_files import read_part, tokenized
from robust_jax.models.inference import inference_fn
from robust_jax.text.predict_texts import predict_texts
from robust_jax.text.tables import read_replacements
from robust_jax.text.tokenizer import (
  SPECIAL_TOKENS,
  encode,
  load_tokenizer,
  save_tokenizer,
  train_tokenizer,
)

CORPUS = ["A good film!", "a bad film, with good music", "don't miss it"]
KINDS = ("word", "word_piece", "character")
TEXT_MODELS = ("bag_of_words", "character_cnn", "text_transformer", "word_cnn")


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request):
  return train_tokenizer(CORPUS, kind=request.param, vocabulary_size=60)


class TestTokenizers:
  def test_special_tokens_come_first_and_are_read_in_texts(self, tokenizer):
    for i, token in enumerate(SPECIAL_TOKENS):
      assert tokenizer.token_to_id(token) == i
    tokens = encode(tokenizer, ["[UNK]"], 1)["tokens"]
    assert tokens.tolist() == [[1]]

  def test_the_mask_covers_tokens(self, tokenizer):
    texts = ["", "a", "a good film " * 20, "\U0001f600 中文"]
    x = encode(tokenizer, texts, 12)
    assert x["tokens"].shape == x["mask"].shape == (4, 12)
    assert x["mask"].sum(axis=1)[[0, 2]].tolist() == [0, 12]
    assert (x["tokens"][~x["mask"]] == 0).all()
    assert (x["tokens"] < tokenizer.get_vocab_size()).all()
    assert 1 in x["tokens"][3]

  def test_a_text_is_encoded_alike_alone_and_among_others(self, tokenizer):
    alone = encode(tokenizer, CORPUS[1:2], 20)["tokens"]
    np.testing.assert_array_equal(
      alone[0], encode(tokenizer, CORPUS, 20)["tokens"][1]
    )

  def test_saving_and_loading_is_the_identity(self, tokenizer, tmp_path):
    save_tokenizer(tokenizer, tmp_path / "t.json")
    loaded = load_tokenizer(tmp_path / "t.json")
    for name in ("tokens", "mask"):
      np.testing.assert_array_equal(
        encode(loaded, CORPUS, 9)[name], encode(tokenizer, CORPUS, 9)[name]
      )


@pytest.mark.parametrize(
  ("lengths", "kept"),
  [((1, 2), (1, 2)), ((9, 2), (5, 2)), ((2, 9), (2, 5)), ((9, 9), (4, 3))],
)
def test_of_a_pair_that_is_too_long_the_longer_text_is_cut(lengths, kept):
  tokenizer = train_tokenizer(["a b"])
  a, b = tokenizer.token_to_id("a"), tokenizer.token_to_id("b")
  first, second = ("a " * lengths[0], "b " * lengths[1])
  x = encode(tokenizer, [first], 8, pairs=[second])
  assert x["tokens"][0][x["mask"][0]].tolist() == [
    *([a] * kept[0]),
    SPECIAL_TOKENS.index("[SEP]"),
    *([b] * kept[1]),
  ]


def test_words_that_are_not_in_the_vocabulary_are_unknown():
  tokenizer = train_tokenizer(CORPUS)
  tokens = encode(tokenizer, ["good g\u043eod"], 2)["tokens"][0]
  assert tokens[0] > 4
  assert tokens[1] == 1


@pytest.mark.parametrize("name", TEXT_MODELS)
def test_padding_does_not_change_logits(name):
  factory = lookup.find("models", name)
  model = factory(vocabulary_size=7, num_classes=3, width=8)
  tokens = np.array([[1, 2, 3, 4, 5], [6, 5, 0, 0, 0], [0, 0, 0, 0, 0]])
  x = {"tokens": tokens, "mask": tokens > 0}
  longer = {k: np.pad(v, [(0, 0), (0, 4)]) for k, v in x.items()}
  variables = jax.jit(model.init)(jax.random.key(0), x)
  apply = jax.jit(model.apply)
  logits = apply(variables, x)
  assert np.isfinite(logits).all()
  np.testing.assert_allclose(
    logits, apply(variables, longer), rtol=1e-5, atol=1e-5
  )


@pytest.mark.parametrize("name", TEXT_MODELS)
def test_delta_is_added_to_the_embeddings_of_tokens(name):
  model = lookup.find("models", name)(vocabulary_size=7, width=8)
  tokens = np.array([[1, 2, 3], [6, 5, 0]])
  x = {"tokens": tokens, "mask": tokens > 0}
  variables = model.init(jax.random.key(0), x)
  zero = np.zeros((2, 3, 8), np.float32)
  change = jax.grad(
    lambda d: model.apply(variables, {**x, "delta": d})[:, 0].sum()
  )(zero)
  same = model.apply(variables, {**x, "delta": zero})
  np.testing.assert_array_equal(same, model.apply(variables, x))
  assert np.abs(change[1, 2]).max() == 0  # at padding
  assert np.abs(change[x["mask"]]).sum(axis=-1).max() > 0


def test_predictions_do_not_depend_on_the_other_texts():
  tokenizer = train_tokenizer(CORPUS)
  model = lookup.find("models", "word_cnn")(
    vocabulary_size=tokenizer.get_vocab_size(), width=4, filters=3
  )
  x = encode(tokenizer, CORPUS, 16)
  logits_fn = inference_fn(model, model.init(jax.random.key(0), x))
  predict = predict_texts(logits_fn, tokenizer, length=16)
  texts = [*CORPUS, "", "a " * 30, "good"]
  together = predict(texts)
  alone = np.concatenate([predict([text]) for text in texts])
  np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(together[:3], logits_fn(x), rtol=1e-5, atol=1e-6)


COLUMNS = {"text": "sentence", "label": "label"}


class TestFiles:
  @pytest.mark.parametrize(
    ("name", "content"),
    [
      ("a.csv", 'sentence,label\n"good, in parts",1\nbad,0\n'),
      ("a.tsv", "sentence\tlabel\ngood, in parts\t1\nbad\t0\n"),
      (
        "a.jsonl",
        '{"sentence": "good, in parts", "label": 1}\n'
        '{"label": 0, "sentence": "bad"}\n\n',
      ),
    ],
  )
  @pytest.mark.parametrize("mark", ["", "\ufeff"])
  def test_all_formats_say_the_same(self, tmp_path, name, content, mark):
    path = tmp_path / name
    path.write_text(mark + content, encoding="utf-8")
    table = read_text_table(path, **COLUMNS)
    assert table == (["good, in parts", "bad"], ["1", "0"], None)

  def test_columns_are_joined_and_paired(self, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('"3","title","body"\n')
    header = ("label", "a", "b")
    table = read_text_table(path, text=("a", "b"), label="label", header=header)
    assert table.texts == ["title body"]
    table = read_text_table(
      path, text="a", pair="b", label="label", header=header
    )
    assert (table.texts, table.pairs) == (["title"], ["body"])

  @pytest.mark.parametrize(
    ("name", "content", "message"),
    [
      ("a.txt", "", r"expected a file named .csv, .tsv, .jsonl"),
      ("a.csv", "sentence,label\na,b,c\n", r"line 2: 3 fields, expected 2"),
      ("a.csv", "text,label\na,b\n", r"no column 'sentence', .* 'text', 'l"),
      ("a.csv", "sentence,label\n", r"no rows"),
      ("a.jsonl", "[1]\n", r"line 1: '\[1\].* expected an object"),
      ("a.jsonl", "{\n", r"line 1"),
    ],
  )
  def test_bad_files(self, tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
      read_text_table(tmp_path / name, **COLUMNS)

  def test_bytes_that_are_no_text(self, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"sentence,label\n\xff\xfe,1\n")
    with pytest.raises(ValueError, match="cannot be read"):
      read_text_table(tmp_path / "a.csv", **COLUMNS)

  def test_parts_of_a_file(self, tmp_path, monkeypatch):
    (tmp_path / "raw/text").mkdir(parents=True)
    (tmp_path / "raw/text/a.csv").write_text("text,label\na,0\nb,1\nc,0\n")
    monkeypatch.setenv("ROBUST_JAX_DATA", str(tmp_path))
    assert read_part("a.csv").texts == ["a", "b", "c"]
    assert read_part("a.csv[1:]").texts == ["b", "c"]
    assert read_part("a.csv[:1]").texts == ["a"]
    with pytest.raises(ValueError, match=r"'a.csv\[5:\]': no rows"):
      read_part("a.csv[5:]")
    with pytest.raises(ValueError, match=r"b.csv: no such file in the working"):
      read_part("b.csv")

  def test_labels_become_classes(self, tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na,no\nb,yes\n")
    table = read_part(str(tmp_path / "a.csv"))
    tokenizer = train_tokenizer(table.texts)
    make = lambda **options: tokenized(
      "answers", table, tokenizer, length=3, **options
    )
    dataset = make(labels=("yes", "no"), class_names=("y", "n"))
    assert dataset.read([0, 1])["y"].tolist() == [1, 0]
    assert dataset.info["class_names"] == ("y", "n")
    with pytest.raises(ValueError, match=r"example 1: the label 'yes'"):
      make(labels=("no",))
    with pytest.raises(ValueError, match="expected as many"):
      make(labels=("no", "yes"), class_names=("n",))


@pytest.fixture(scope="module")
def tfds_folder(tmp_path_factory):
  """Three pairs of texts, as the official builder would have written them."""
  folder = tmp_path_factory.mktemp("data")

  class Small(glue.Glue, skip_registration=True):
    name = glue.Glue.name
    code_path = None  # looked up by a package that TFDS does not install

    def _split_generators(self, dl_manager):
      rows = (
        (i, {"sentence1": f"naïve {i}", "sentence2": "b", "label": 1, "idx": i})
        for i in range(3)
      )
      return {"train": rows}

  with contextlib.redirect_stdout(io.StringIO()):
    builder = Small(data_dir=str(folder / "tfds"), config="mrpc")
    builder.download_and_prepare(file_format="array_record")
  return folder


def test_texts_of_tfds(tfds_folder, monkeypatch):
  monkeypatch.setenv("ROBUST_JAX_DATA", str(tfds_folder))
  columns = {"text": "sentence1", "pair": "sentence2"}
  table = read_part("tfds:glue/mrpc#train[1:]", **columns)
  assert sorted(read_part("tfds:glue/mrpc#train", **columns).texts) == [
    f"naïve {i}" for i in range(3)
  ]
  assert (len(table.texts), table.labels, table.pairs) == (
    2,
    ["1", "1"],
    ["b", "b"],
  )
  for part, message in (
    ("tfds:glue/mrpc#test", "test"),
    ("tfds:glue/rte#train", "run `./launch.sh data glue/rte`"),
    ("tfds:gleu#train", "did you mean 'glue'"),
    ("tfds:glue/mrpc", "expected tfds:NAME#SPLIT"),
  ):
    with pytest.raises(ValueError, match=message):
      read_part(part, **columns)
  with pytest.raises(ValueError, match="has no 'text': expected one of"):
    read_part("tfds:glue/mrpc#train")


@pytest.mark.parametrize("content", ["[]", '{"a": "b"}', '{"a": [1]}', "{"])
def test_bad_tables_of_replacements(tmp_path, content):
  (tmp_path / "a.json").write_text(content)
  with pytest.raises(ValueError, match=r"a\.json"):
    read_replacements(tmp_path / "a.json")


@pytest.mark.parametrize(
  ("content", "message"), [("{", "is no tokenizer"), (None, "is no tokenizer")]
)
def test_bad_tokenizers(tmp_path, content, message):
  path = tmp_path / "a.json"
  if content is not None:
    path.write_text(content)
  with pytest.raises(ValueError, match=message):
    load_tokenizer(path)
  with pytest.raises(ValueError, match="expected one of word, split_word"):
    train_tokenizer(CORPUS, kind="x")
  with pytest.raises(ValueError, match="number of special tokens"):
    train_tokenizer(CORPUS, vocabulary_size=5)
