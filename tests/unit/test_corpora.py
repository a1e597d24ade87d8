"""Running text from files to packed sequences, and runs that learn from it."""

import gzip
import lzma

import jax
import numpy as np
import pytest

from robust_jax.data import corpora
from robust_jax.data.corpora import packed, read_corpus
from robust_jax.text.tokenizer import SPECIAL_TOKENS, train_tokenizer

TEXT = "\ufeffA good film!<br />\n\nA bad one.\n"


@pytest.mark.parametrize(
  ("name", "write"),
  [
    ("a.txt", lambda path, text: path.write_bytes(text)),
    ("a.txt.xz", lambda path, text: path.write_bytes(lzma.compress(text))),
    ("a.txt.gz", lambda path, text: path.write_bytes(gzip.compress(text))),
  ],
)
def test_paragraphs_are_the_lines_of_a_file(tmp_path, name, write):
  path = tmp_path / name
  write(path, TEXT.encode())
  read = lambda *parts: read_corpus(parts, remove=("<br />",))
  assert read(str(path)) == ["A good film!", "A bad one."]
  assert read(f"{path}[2:]", f"{path}[:1]") == ["A bad one.", "A good film!"]
  with pytest.raises(ValueError, match=r"\[1:2\]: no text, expected one or"):
    read(f"{path}[1:2]")


def test_paragraphs_are_a_column_of_a_table(tmp_path):
  path = tmp_path / "a.csv"
  path.write_text("review,stars\nGood.,5\n,0\nBad.,1\n")
  assert read_corpus([f"{path}[1:]"], text="review") == ["Bad."]
  assert read_corpus([str(path)], text="review") == ["Good.", "Bad."]


@pytest.mark.parametrize("name", ["a.txt", "a.txt.xz", "a.txt.gz"])
def test_what_is_no_text_is_refused(tmp_path, name):
  (tmp_path / name).write_bytes(b"\xff\xfe\x00")
  with pytest.raises(ValueError, match=f"{name} cannot be read"):
    read_corpus([str(tmp_path / name)])


def test_packing_keeps_every_token_in_order():
  paragraphs = ["a b c", "b", "c a", "z"]
  tokenizer = train_tokenizer(["a b c"])
  separator = SPECIAL_TOKENS.index("[SEP]")
  expected = []
  for ids in tokenizer.encode_batch(paragraphs):
    expected += [*ids.ids, separator]
  for length in (1, 4, 5, 20):
    dataset = packed("letters", paragraphs, tokenizer, length=length)
    assert len(dataset) == -(-len(expected) // length)
    x = jax.device_get(dataset.decode(dataset.read(np.arange(len(dataset)))))[
      "x"
    ]
    assert x["tokens"].shape[1:] == (length,)
    assert x["tokens"][x["mask"]].tolist() == expected
    # Padding is at the end, and nowhere else.
    assert (np.diff(x["mask"].ravel().astype(int)) <= 0).all()
    assert (x["tokens"][~x["mask"]] == 0).all()
  with pytest.raises(ValueError, match="length = 0"):
    packed("letters", paragraphs, tokenizer, length=0)


def test_a_large_corpus_is_encoded_once(tmp_path, monkeypatch):
  monkeypatch.setattr(corpora, "_CACHED_FROM", 3)
  tokenizer = train_tokenizer(["a b c"])
  make = lambda *paragraphs: packed(
    "letters", paragraphs, tokenizer, length=4, cache=tmp_path / "cache"
  )
  tokens = make("a b", "c").read(np.arange(2))["tokens"]
  assert len(list(tmp_path.rglob("*.npy"))) == 1
  with monkeypatch.context() as patched:
    patched.setattr(corpora, "_encoded", None)
    np.testing.assert_array_equal(
      make("a b", "c").read(np.arange(2))["tokens"], tokens
    )
  make("a b", "b")  # another corpus
  tokenizer = train_tokenizer(["a b c d"])
  make("a b", "c")  # another tokenizer
  assert len(list(tmp_path.rglob("*.npy"))) == 3
