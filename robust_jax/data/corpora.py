"""Running text without labels, packed into sequences of tokens."""

import contextlib
import gzip
import hashlib
import lzma
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import tokenizers

from robust_jax import checks
from robust_jax.data.dataset import Dataset, from_arrays
from robust_jax.data.text_files import find_part, read_part
from robust_jax.files import atomic_write
from robust_jax.text.tokenizer import SPECIAL_TOKENS
from robust_jax.types import Batch, PyTree

_OPEN: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open}
_CHUNK = 256  # paragraphs that are encoded together
_CACHED_FROM = 10**6  # characters, which take a second


def read_corpus(
  parts: Sequence[str],
  *,
  text: str = "text",
  header: Sequence[str] | None = None,
  remove: Sequence[str] = (),
) -> list[str]:
  """Reads the paragraphs of files: lines of txt files, or a column of tables.

  Args:
    parts: files as in "novels.txt", or some of their lines as in
      "reviews.txt.xz[1000:]", found as by `text_files.read_part`. A txt file
      may be compressed, with the suffix .xz or .gz.
    text: the column of csv, tsv and jsonl files.
    header: see `text_files.read_part`.
    remove: marks that are replaced by spaces, such as "<br />".

  Returns:
    All paragraphs, without empty ones.

  Raises:
    ValueError: a file cannot be read, or there is no text.

  Example:
    >>> import pathlib, tempfile
    >>> from robust_jax.data.corpora import read_corpus
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   path = pathlib.Path(folder, "novel.txt")
    ...   _ = path.write_text("CHAPTER I.\\n\\nCall me Ishmael.\\n")
    ...   read_corpus([f"{path}[1:]"])
    ['Call me Ishmael.']
  """
  paragraphs: list[str] = []
  for part in parts:
    if ".txt" in pathlib.Path(part.partition("[")[0]).suffixes:
      path, rows = find_part(part)
      found = _lines(path)[rows]
    else:
      found = read_part(part, text=text, label=None, header=header).texts
    for mark in remove:
      found = [one.replace(mark, " ") for one in found]
    paragraphs += filter(None, (one.strip() for one in found))
  if not paragraphs:
    raise ValueError(
      f"{', '.join(parts)}: no text, expected one or more lines."
    )
  return paragraphs


def packed(
  name: str,
  paragraphs: Sequence[str],
  tokenizer: tokenizers.Tokenizer,
  *,
  length: int,
  cache: pathlib.Path | None = None,
) -> Dataset:
  """Makes a dataset of the tokens of a corpus, cut into sequences.

  All paragraphs are one stream of tokens, with "[SEP]" behind each, which is
  cut every `length` tokens. Only the last sequence has padding.

  Args:
    name: name in error messages.
    paragraphs: see `read_corpus`.
    tokenizer: see `text.tokenizer`.
    length: T, the number of tokens of a sequence.
    cache: folder in which the tokens of a large corpus are kept, by a digest of
      it and of the tokenizer.

  Returns:
    A `Dataset` of `x = {"tokens" [T], "mask" [T]}`, whose info has
    `vocabulary_size` and `tokenizer`.

  Raises:
    ValueError: length is below 1.

  Example:
    >>> from robust_jax.data.corpora import packed
    >>> from robust_jax.text.tokenizer import train_tokenizer
    >>> tokenizer = train_tokenizer(["a b"])
    >>> dataset = packed("letters", ["a b", "b"], tokenizer, length=3)
    >>> dataset.decode(dataset.read([0, 1]))["x"]["tokens"].tolist()
    [[5, 6, 3], [6, 3, 0]]
  """
  checks.at_least_one("length", length)
  if cache is None or sum(map(len, paragraphs)) < _CACHED_FROM:
    stream = _encoded(tokenizer, paragraphs)
  else:
    stream = _cached(cache, tokenizer, paragraphs)
  stream = np.pad(stream, (0, -len(stream) % length))
  return from_arrays(
    name,
    {"tokens": stream.reshape(-1, length)},
    _decode,
    {
      "vocabulary_size": tokenizer.get_vocab_size(),
      "tokenizer": tokenizer,
    },
  )


def _cached(
  folder: pathlib.Path,
  tokenizer: tokenizers.Tokenizer,
  paragraphs: Sequence[str],
) -> np.ndarray:
  """Encodes a corpus, or reads what was encoded before."""
  digest = hashlib.sha256(tokenizer.to_str().encode())
  for paragraph in paragraphs:
    digest.update(f"\n{paragraph}".encode())
  path = folder / f"{digest.hexdigest()}.npy"
  if path.exists():
    return np.load(path, allow_pickle=False)
  stream = _encoded(tokenizer, paragraphs)
  with contextlib.suppress(OSError):  # it can be made again
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as new:
      np.save(new, stream)
  return stream


def _encoded(
  tokenizer: tokenizers.Tokenizer, paragraphs: Sequence[str]
) -> np.ndarray:
  """The tokens of a corpus, with a separator behind each paragraph."""
  stored = np.min_scalar_type(tokenizer.get_vocab_size())
  separator = np.array([SPECIAL_TOKENS.index("[SEP]")], stored)
  parts: list[np.ndarray] = []
  for start in range(0, len(paragraphs), _CHUNK):
    chunk = list(paragraphs[start : start + _CHUNK])
    for encoded in tokenizer.encode_batch_fast(chunk):
      parts += (np.array(encoded.ids, stored), separator)
  return np.concatenate(parts)


def _decode(stored: dict[str, PyTree]) -> Batch:
  """Widens the tokens; padding is token 0, and nothing else is."""
  tokens = jnp.asarray(stored["tokens"], jnp.int32)
  return {"x": {"tokens": tokens, "mask": tokens > 0}}


def _lines(path: pathlib.Path) -> list[str]:
  try:
    with _OPEN.get(path.suffix, open)(path, "rt", encoding="utf-8-sig") as file:
      return file.readlines()
  except (OSError, UnicodeDecodeError, EOFError, lzma.LZMAError) as error:
    raise ValueError(f"{path} cannot be read: {error}") from error
