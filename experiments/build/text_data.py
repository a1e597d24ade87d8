"""From a section `data` of kind "text" or "corpus" to datasets of tokens."""

import copy
import functools
import json
import pathlib
from collections.abc import Callable
from typing import Any

import tokenizers
from ml_collections import ConfigDict

from experiments.build.options import call
from experiments.cli import output
from robust_jax import lookup, parallel
from robust_jax.data.corpora import packed, read_corpus
from robust_jax.data.dataset import Dataset
from robust_jax.data.misspelled_words import misspelled_words
from robust_jax.data.readers.text_table import TextTable
from robust_jax.data.text_files import read_part, tokenized
from robust_jax.files import user_cache
from robust_jax.text.edited_copies import edited_copies
from robust_jax.text.robust_encoding import (
  load_clusters,
  robust_encoding,
  save_clusters,
  word_clusters,
)
from robust_jax.text.tokenizer import (
  load_tokenizer,
  save_tokenizer,
  train_tokenizer,
)
from robust_jax.text.word_recognition import Recognizer

KINDS = ("corpus", "text", "words")
"""The kinds of data, values of `config.data.kind`, that have a tokenizer."""
TOKENIZER = "tokenizer.json"
"""Name of the file in the folder of a run."""
_CLUSTERS = "word_clusters.json"  # likewise


def text_dataset(config: ConfigDict, split: str) -> Dataset:
  """Loads a split of texts, as tokens.

  `data` names the file of each split, as in `train: "train.tsv[1000:]"`, or has
  a section for it with a `file` and what differs there. `columns` has the
  options of `read_part`, `labels`, `class_names` and `length` are those of
  `tokenized`. `tokenizer` has the options of `train_tokenizer`, which learns
  from the training split, or the `file` of a trained one. `variants` has the
  options of `edited_copies`, which training examples come with; its `kinds` are
  names of `text.edits`. With `robust_encoding`, which has the options of
  `word_clusters`, all these texts are replaced by their encodings.

  Raises:
    ValueError: there is no such split, or its file does not fit the options.
  """
  data = config.data.to_dict()
  options, table = _table(data, split)
  encode = encoding_of(config) or list
  return tokenized(
    f"{data['name']} ({split})",
    _encoded(table, encode),
    tokenizer_of(config),
    length=data["length"],
    labels=options.get("labels", data["labels"]),
    class_names=data.get("class_names"),
    copies=[encode(copy) for copy in _copies(config, table.texts)]
    if split == "train"
    else (),
  )


def corpus_dataset(config: ConfigDict, split: str) -> Dataset:
  """Loads a split of a corpus, as sequences of tokens.

  `data` names the files of each split, as in `train: ("novels.txt[1000:]",)`.
  `columns` has the options of `read_corpus`, and `length` is that of `packed`.
  `tokenizer` is as for `text_dataset`.

  Raises:
    ValueError: there is no such split, or its files do not fit the options.
  """
  data = config.data.to_dict()
  return packed(
    f"{data['name']} ({split})",
    _paragraphs(data, split),
    tokenizer_of(config),
    length=data["length"],
    cache=user_cache("tokens"),
  )


def misspelled_dataset(config: ConfigDict, split: str) -> Dataset:
  """Loads the words of a split of texts, misspelled at random.

  Files, columns and `variants` are those of `text_dataset`; `num_words` and
  `word_length` are options of `misspelled_words`. Labels are not used.

  Raises:
    ValueError: as for `text_dataset`, or there are no `variants`.
  """
  data = config.data
  if "variants" not in data:
    raise ValueError(
      "config.data has no variants: expected them, as in {'number': 4}, of "
      "words to recognize."
    )
  texts = texts_of(config, split).texts
  return misspelled_words(
    f"{data.name} ({split})",
    texts,
    _copies(config, texts),
    tokenizer_of(config).get_vocab(),
    num_words=data.num_words,
    word_length=data.word_length,
    is_training=split == "train",
  )


def _copies(config: ConfigDict, texts: list[str]) -> list[list[str]]:
  """The versions of training texts that `data.variants` describes."""
  if "variants" not in config.data:
    return []
  options = config.data.variants.to_dict()
  if "kinds" in options:
    found = (lookup.find("text.edits", name) for name in options["kinds"])
    options["kinds"] = [call(edit) for edit in found]
  return call(edited_copies, texts, **{"seed": config.seed, **options})


def texts_of(config: ConfigDict, split: str) -> TextTable:
  """Loads a split of texts, as strings."""
  return _table(config.data.to_dict(), split)[1]


def with_tokenizer(
  config: ConfigDict, folder: pathlib.Path, *, train: bool = False
) -> ConfigDict:
  """Returns the config with the tokenizer of a run, if its data have one.

  Training a tokenizer again does not give the same one, since ties between
  frequencies are broken by chance. So every run has its own, `tokenizer.json`
  in its folder, or a copy of that of the run that the config names. A robust
  encoding stands in front of the tokenizer, and is saved beside it.

  Args:
    config: config of the run; unchanged.
    folder: work directory of the run.
    train: whether to train a tokenizer on the training split where the folder
      has none.

  Raises:
    ValueError: a file cannot be read, or does not fit the options.
  """
  if config.data.kind not in KINDS:
    return config
  if "robust_encoding" in config.data:
    save = lambda path: save_clusters(clusters_of(config), path)
    file = folder / _CLUSTERS
    config = _with_file(config, "robust_encoding", file, train, save)
  save = lambda path: save_tokenizer(tokenizer_of(config), path)
  return _with_file(config, "tokenizer", folder / TOKENIZER, train, save)


def _with_file(
  config: ConfigDict,
  section: str,
  path: pathlib.Path,
  train: bool,
  save: Callable[[pathlib.Path], None],
) -> ConfigDict:
  """Returns the config with a file in place of the options of a section."""
  if "file" in config.data[section]:
    return config
  if train:
    if parallel.is_lead() and not path.exists():
      output.writable(path.parent, "--workdir")
      save(path)
    parallel.any_process(False)  # until all of them can read it
  config = copy.deepcopy(config)
  with config.unlocked():
    config.data[section] = {"file": str(path)}
  return config


def encoding_of(config: ConfigDict) -> Recognizer | None:
  """Returns the robust encoding of a config; None if it has none."""
  if "robust_encoding" not in config.data:
    return None
  return _encoding(tuple(clusters_of(config).items()))


@functools.lru_cache(maxsize=1)
def _encoding(clusters: tuple[tuple[str, str], ...]) -> Recognizer:
  """The encoding of all splits, which takes seconds to make."""
  return robust_encoding(dict(clusters))


def clusters_of(config: ConfigDict) -> dict[str, str]:
  """Returns the clusters of words of a config with a robust encoding.

  Its section has a `file`, or the options of new ones for the data.

  Raises:
    ValueError: the file holds no clusters, or the data are not texts.
  """
  data = config.data
  if data.kind != "text":
    raise ValueError(
      f"config.data.robust_encoding with data of the kind '{data.kind}': "
      "expected the kind 'text'."
    )
  if "file" in data.robust_encoding:
    return load_clusters(data.robust_encoding.file)
  return _clustered(json.dumps(data.to_dict(), sort_keys=True))


@functools.lru_cache(maxsize=1)
def _clustered(section: str) -> dict[str, str]:
  data = json.loads(section)
  texts = _all_texts(_table(data, "train")[1])
  return call(word_clusters, texts, **data["robust_encoding"])


def _all_texts(table: TextTable) -> list[str]:
  return table.texts + (table.pairs or [])


def _encoded(
  table: TextTable, encode: Callable[[list[str]], list[str]]
) -> TextTable:
  return table._replace(
    texts=encode(table.texts), pairs=table.pairs and encode(table.pairs)
  )


def tokenizer_of(config: ConfigDict) -> tokenizers.Tokenizer:
  """Returns the tokenizer of a config.

  Its section has a `file`, or a `run` whose tokenizer it is, or the options of
  a new one for the data.

  Raises:
    ValueError: the file is no tokenizer, or the run has none.
  """
  section = config.data.tokenizer
  if "run" in section:
    return load_tokenizer(pathlib.Path(section.run, TOKENIZER))
  if "file" in section:
    return load_tokenizer(section.file)
  return _trained(json.dumps(config.data.to_dict(), sort_keys=True))


@functools.lru_cache(maxsize=1)
def _trained(section: str) -> tokenizers.Tokenizer:
  """One for all splits of an experiment that is tried out, without a folder."""
  data = json.loads(section)
  if data["kind"] == "corpus":
    texts = _paragraphs(data, "train")
  else:
    encode = encoding_of(ConfigDict({"data": data})) or list
    texts = encode(_all_texts(_table(data, "train")[1]))
  return call(train_tokenizer, texts, **data["tokenizer"])


def _paragraphs(data: dict[str, Any], split: str) -> list[str]:
  return call(read_corpus, _part(data, split), **data.get("columns", {}))


def _table(
  data: dict[str, Any], split: str
) -> tuple[dict[str, Any], TextTable]:
  """Returns the options of a split, and its rows."""
  part = _part(data, split)
  options = dict(part) if isinstance(part, dict) else {"file": part}
  columns = {
    **data.get("columns", {}),
    **{k: v for k, v in options.items() if k not in ("file", "labels")},
  }
  return options, call(read_part, options["file"], **columns)


def _part(data: dict[str, Any], split: str) -> Any:
  if split not in data:
    raise ValueError(
      f"the config has no split '{split}': expected one such as "
      f"data.{split} = 'train.tsv[:1000]'."
    )
  return data[split]
