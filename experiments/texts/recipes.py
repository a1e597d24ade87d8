"""The attacks on texts that a config and flags name."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.build import sections
from experiments.build.text_data import tokenizer_of
from experiments.load_run import Run, load_run
from robust_jax.models.text.embeddings import embeddings_of
from robust_jax.text.recipes.base import Recipe
from robust_jax.text.tables import nearest_words

_OF_TABLES = {
  "wordnet": {"pwws": "pwws", "synonyms": "synonym_substitution"},
  "neighbors": {"neighbors": "synonym_substitution"},
}
"""Flag -> attacks that its table allows -> their recipes."""


class Tables(NamedTuple):
  """Tables of the replacements of words, as flags name them.

  Attributes:
    wordnet: the folder of WordNet's database; None without it.
    neighbors: a JSON file of words and their neighbors, or the work directory
      of a run whose embeddings are compared; None without it.
  """

  wordnet: str | None = None
  neighbors: str | None = None


NO_TABLES = Tables()


def text_recipes(
  run: Run, names: Sequence[str], tables: Tables = NO_TABLES
) -> dict[str, tuple[str, Recipe]]:
  """Builds attacks by their names.

  Args:
    run: a run of a classifier of texts.
    names: names of `config.evaluation.text_attacks`; with WordNet also "pwws"
      and "synonyms"; with neighbors also "neighbors", which is like TextFooler.
    tables: the tables of replacements.

  Returns:
    Name -> a description by which an interrupted attack is known again, and the
    attack.

  Raises:
    ValueError: there is no such attack, or a table cannot be read.
  """
  known = run.config.evaluation.get("text_attacks", {})
  found = {}
  for name in names:
    if name in known:
      section, table = known[name].to_dict(), None
    else:
      section, table = _with_table(run, name, list(known), tables)
    facts: dict[str, Any] = {"tokenizer": tokenizer_of(run.config)}
    description = json.dumps([section, table])
    if table is not None:
      facts["table"] = _read(table)
    recipe = sections.build("text_attack", section, facts)
    found[name] = (description, recipe)
  return found


def _with_table(
  run: Run, name: str, known: Sequence[str], tables: Tables
) -> tuple[dict[str, str], dict[str, str]]:
  """The section of an attack by replacements, and that of its table."""
  for flag, recipes in _OF_TABLES.items():
    if name in recipes:
      path = getattr(tables, flag)
      if path is None:
        raise ValueError(
          f"--attack={name} without a table of replacements: expected "
          f"--{flag}=PATH, see --help."
        )
      return {"name": recipes[name]}, {flag: path}
  others = [other for recipes in _OF_TABLES.values() for other in recipes]
  raise ValueError(
    f"--attack={name}: the run in {run.path} is one of texts, expected one of "
    f"{', '.join([*known, *others])}."
  )


def _read(table: Mapping[str, str]) -> Mapping[str, Sequence[str]]:
  ((flag, path),) = table.items()
  if flag == "wordnet":
    return sections.build("table", {"name": "read_wordnet", "folder": path})
  if not pathlib.Path(path).is_dir():
    return sections.build("table", {"name": "read_replacements", "file": path})
  run = load_run(pathlib.Path(path))
  if run.config.data.kind != "text":
    raise ValueError(
      f"--neighbors={path}: a run of data of the kind '{run.config.data.kind}',"
      " expected one of texts, whose embeddings are those of words."
    )
  vocabulary = tokenizer_of(run.config).get_vocab()
  return nearest_words(np.asarray(embeddings_of(run.variables)), vocabulary)
