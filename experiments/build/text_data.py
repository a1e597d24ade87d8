"""From the section `data` of kind "text" to datasets of tokens."""

import copy
import functools
import json
import pathlib
from typing import Any

import tokenizers
from ml_collections import ConfigDict

from experiments.build.options import call
from experiments.cli import output
from robust_jax import parallel
from robust_jax.data.dataset import Dataset
from robust_jax.data.readers.text_table import TextTable
from robust_jax.data.text_files import read_part, tokenized
from robust_jax.text.tokenizer import (
  load_tokenizer,
  save_tokenizer,
  train_tokenizer,
)


def text_dataset(config: ConfigDict, split: str) -> Dataset:
  """Loads a split of texts, as tokens.

  `data` names the file of each split, as in `train: "train.tsv[1000:]"`, or has
  a section for it with a `file` and what differs there. `columns` has the
  options of `read_part`, `labels`, `class_names` and `length` are those of
  `tokenized`. `tokenizer` has the options of `train_tokenizer`, which learns
  from the training split, or the `file` of a trained one.

  Raises:
    ValueError: there is no such split, or its file does not fit the options.
  """
  data = config.data.to_dict()
  options, table = _table(data, split)
  return tokenized(
    f"{data['name']} ({split})",
    table,
    tokenizer_of(config),
    length=data["length"],
    labels=options.get("labels", data["labels"]),
    class_names=data.get("class_names"),
  )


def texts_of(config: ConfigDict, split: str) -> TextTable:
  """Loads a split of texts, as strings."""
  return _table(config.data.to_dict(), split)[1]


def with_tokenizer(
  config: ConfigDict, folder: pathlib.Path, *, train: bool = False
) -> ConfigDict:
  """Returns the config with the tokenizer of a run, if its data are texts.

  Training a tokenizer again does not give the same one, since ties between
  frequencies are broken by chance. So every run has its own, `tokenizer.json`
  in its folder.

  Args:
    config: config of the run; unchanged.
    folder: work directory of the run.
    train: whether to train a tokenizer on the training split where the folder
      has none.

  Raises:
    ValueError: a file cannot be read, or does not fit the options.
  """
  if config.data.kind != "text" or "file" in config.data.tokenizer:
    return config
  path = folder / "tokenizer.json"
  if train:
    if parallel.is_lead() and not path.exists():
      output.writable(folder, "--workdir")
      save_tokenizer(tokenizer_of(config), path)
    parallel.any_process(False)  # until all of them can read it
  config = copy.deepcopy(config)
  with config.unlocked():
    config.data.tokenizer = {"file": str(path)}
  return config


def tokenizer_of(config: ConfigDict) -> tokenizers.Tokenizer:
  """Returns the tokenizer of a config; without a file a new one for its data.

  Raises:
    ValueError: the file is no tokenizer.
  """
  section = config.data.tokenizer
  if "file" in section:
    return load_tokenizer(section.file)
  return _trained(json.dumps(config.data.to_dict(), sort_keys=True))


@functools.lru_cache(maxsize=1)
def _trained(section: str) -> tokenizers.Tokenizer:
  """One for all splits of an experiment that is tried out, without a folder."""
  data = json.loads(section)
  _, table = _table(data, "train")
  texts = table.texts + (table.pairs or [])
  return call(train_tokenizer, texts, **data["tokenizer"])


def _table(
  data: dict[str, Any], split: str
) -> tuple[dict[str, Any], TextTable]:
  """Returns the options of a split, and its rows."""
  if split not in data:
    raise ValueError(
      f"the config has no split '{split}': expected one such as "
      f"data.{split} = 'train.tsv[:1000]'."
    )
  part = data[split]
  options = dict(part) if isinstance(part, dict) else {"file": part}
  columns = {
    **data.get("columns", {}),
    **{k: v for k, v in options.items() if k not in ("file", "labels")},
  }
  return options, call(read_part, options["file"], **columns)
