"""Attacks on the texts of a run's test set."""

import csv
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import rich.box
import rich.console
import rich.table
import rich.text

from experiments.cli import output
from experiments.cli.provenance import provenance
from experiments.load_run import Run
from experiments.texts.page import write_text_page
from experiments.texts.recipes import NO_TABLES, Tables, text_recipes
from experiments.texts.test_set import NO_DEFENSE, TextTestSet, open_test_set
from robust_jax import fingerprint, precision, saved_state
from robust_jax.files import atomic_write, write_json
from robust_jax.plotting.tables import print_table
from robust_jax.text.recipes.base import Recipe
from robust_jax.text.results import (
  TextResult,
  differences,
  from_record,
  summary,
)
from robust_jax.training.progress import StageProgress

SAVE_EVERY = 64  # texts
_SHOWN = 5  # successes that are printed
_SUFFIXES = (".jsonl", ".csv")
_INNER = ("edited_words",)  # of no use to readers of a csv


@precision.evaluation()
def evaluate_text_attacks(
  run: Run,
  names: Sequence[str],
  path: pathlib.Path,
  num_examples: int | None = None,
  defense: Mapping[str, Any] = NO_DEFENSE,
  tables: Tables = NO_TABLES,
) -> dict[str, dict[str, float]]:
  """Attacks the test texts of a run by several attacks, each on all of them.

  Writes `report.json`, `report.html` with every success, and the results of
  each attack as `NAME.jsonl`, to `path`. An interrupted evaluation resumes.
  Accuracies, success rates, changed words and queries are printed, and a few
  successes.

  Args:
    run: a run of a classifier of texts.
    names: names of attacks, see `text_recipes`.
    path: folder of the report, created if missing.
    num_examples: number of test texts, from the first on; None for all.
    defense: the front that the model is behind, see `defended_texts`; empty for
      none.
    tables: tables of replacements that attacks use, see `text_recipes`.

  Returns:
    Attack -> figures, see `text.results.summary`.

  Raises:
    ValueError: the config has no such attack.
  """
  output.writable(path, "--workdir")
  recipes = text_recipes(run, names, tables)
  test = open_test_set(run, num_examples, defense)
  results = {
    name: _attack(run, test, name, *attack, path / f"{name}_state.npz")
    for name, attack in recipes.items()
  }
  figures = {name: summary(found) for name, found in results.items()}
  for name, found in results.items():
    _write(path / f"{name}.jsonl", found)
    _show(found, test.class_names)
  title = f"{run.config.data.name}, {len(test.texts)} texts"
  write_text_page(path / "report.html", title, results, test.class_names)
  print_table(_table(run, figures, len(test.texts)))
  write_json(
    path / "report.json",
    {"attacks": figures, "defense": dict(defense), **provenance(run.config)},
  )
  return figures


@precision.evaluation()
def write_text_attack(
  run: Run,
  name: str,
  path: pathlib.Path,
  num_examples: int | None = None,
  defense: Mapping[str, Any] = NO_DEFENSE,
  tables: Tables = NO_TABLES,
) -> list[TextResult]:
  """Writes the results of one attack on test texts, one line for each.

  Args:
    run: as for `evaluate_text_attacks`.
    name: name of an attack.
    path: path of the file, a .jsonl or .csv.
    num_examples: as for `evaluate_text_attacks`.
    defense: likewise.
    tables: likewise.

  Returns:
    The results.

  Raises:
    ValueError: another kind of file, or the config has no such attack.
  """
  if path.suffix not in _SUFFIXES:
    raise ValueError(
      f"--out={path}: the run is one of texts, expected a file named "
      f"{' or '.join(_SUFFIXES)}."
    )
  output.writable(path.parent, "--out")
  attack = text_recipes(run, [name], tables)[name]
  test = open_test_set(run, num_examples, defense)
  state = path.with_name(f"{path.stem}_state.npz")
  results = _attack(run, test, name, *attack, state)
  _write(path, results)
  _show(results, test.class_names)
  print_table(_table(run, {name: summary(results)}, len(results)))
  return results


def _attack(
  run: Run,
  test: TextTestSet,
  name: str,
  description: str,
  recipe: Recipe,
  state: pathlib.Path,
) -> list[TextResult]:
  """The results of an attack, from the state of an interrupted one if any."""
  question = {
    "model": fingerprint.of_arrays(run.variables),
    "texts": fingerprint.of_arrays(test.texts),
    "attack": description,
    "defense": json.dumps(dict(test.defense)),
  }
  stored = saved_state.restore(state, question) or {"records": np.array([])}
  results = [from_record(json.loads(r)) for r in stored["records"].tolist()]
  done, size = len(results), len(test.texts)
  found = recipe.run(
    test.predict,
    test.texts[done:],
    test.labels[done:],
    seed=run.config.seed,
    first_place=done,
  )
  with StageProgress() as bars:
    bars.update(name, done, size)
    for result in found:
      results.append(result)
      if len(results) % SAVE_EVERY == 0 or len(results) == size:
        records = [json.dumps(result.record()) for result in results]
        saved_state.save(
          state,
          question,
          {"records": np.array(records)},
          finished=len(results) == size,
        )
        bars.update(name, len(results), size)
  return results


def _write(path: pathlib.Path, results: Sequence[TextResult]) -> None:
  """Writes one line for each result, as csv or jsonl."""
  records = [result.record() for result in results]
  with atomic_write(path) as new, new.open("w", encoding="utf-8") as file:
    if path.suffix == ".jsonl":
      file.writelines(f"{json.dumps(record)}\n" for record in records)
    else:
      rows = csv.DictWriter(file, [n for n in records[0] if n not in _INNER])
      rows.writeheader()
      rows.writerows(
        {n: v for n, v in record.items() if n not in _INNER}
        for record in records
      )


def _show(results: Sequence[TextResult], names: Sequence[str]) -> None:
  """Prints a few successes, with the words that were replaced."""
  console = rich.console.Console()
  won = [result for result in results if result.status == "successful"]
  for result in won[:_SHOWN]:
    arrow = f"{names[result.before]} -> {names[result.after]}: "
    console.print(rich.text.Text(arrow, style="bold") + differences(result))


def _table(
  run: Run, figures: dict[str, dict[str, Any]], num_texts: int
) -> rich.table.Table:
  table = rich.table.Table(
    title=f"{run.config.data.name}, {num_texts} texts", box=rich.box.SIMPLE_HEAD
  )
  for column in (
    "attack",
    "accuracy",
    "under attack",
    "success rate",
    "words changed",
    "queries",
  ):
    table.add_column(column, justify="left" if column == "attack" else "right")
  for name, found in figures.items():
    table.add_row(
      name,
      f"{found['accuracy']:.1%}",
      f"{found['robust_accuracy']:.1%}",
      f"{found['success_rate']:.1%}",
      f"{found['words_changed']:.1%}",
      f"{found['queries']:.0f}",
    )
  return table
