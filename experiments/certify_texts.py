"""Certified accuracy of a classifier of texts under typos."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import rich.box
import rich.table

from experiments.build.text_data import encoding_of
from experiments.cli import output
from experiments.cli.provenance import provenance
from experiments.load_run import Run
from experiments.texts.defended import front_encoding
from experiments.texts.test_set import NO_DEFENSE, open_test_set
from robust_jax import precision
from robust_jax.files import write_json
from robust_jax.plotting.tables import print_table
from robust_jax.text.certify_typos import CertifiedText, certify_typos


@precision.evaluation()
def certify_texts(
  run: Run,
  path: pathlib.Path,
  num_examples: int | None = None,
  defense: Mapping[str, Any] = NO_DEFENSE,
) -> dict[str, Any]:
  """The fraction of texts that are classified correctly under all typos.

  Writes `certified.json` to `path`, prints its figures, and returns them.

  Args:
    run: a run of a classifier of texts.
    path: folder of the report, created if missing.
    num_examples: number of test texts, from the first on; None for all.
    defense: the front that the model is behind, see `defended_texts`; empty for
      the robust encoding that the model was trained on.

  Raises:
    ValueError: there is no robust encoding, without which nothing is certified.
  """
  encode = front_encoding(defense) if defense else encoding_of(run.config)
  if encode is None:
    raise ValueError(
      f"--certify of {run.path}, a run of texts without a robust encoding: "
      "expected one such as that of sst2.py:word_cnn+robust_encoding, or "
      "--defense=robust_encoding,run=DIR with it."
    )
  test = open_test_set(run, num_examples, defense)
  with output.locked(path, "--workdir"):
    found = certify_typos(test.predict, encode, test.texts, test.labels)
    figures = _figures(found)
    report = {"defense": dict(defense), **figures, **provenance(run.config)}
    write_json(path / "certified.json", report)
  table = rich.table.Table(
    "under all typos",
    title=f"{run.config.data.name}, {len(found)} texts",
    box=rich.box.SIMPLE_HEAD,
  )
  table.add_column(justify="right")
  for name, value in figures.items():
    shown = f"{value:.1%}" if isinstance(value, float) else str(value)
    table.add_row(name.replace("_", " "), shown)
  print_table(table)
  return report


def _figures(found: list[CertifiedText]) -> dict[str, float]:
  counts = [one.num_encodings for one in found]
  num_words = sum(one.num_words for one in found)
  return {
    "accuracy": float(np.mean([one.correct for one in found])),
    "certified_accuracy": float(np.mean([one.certified for one in found])),
    "words_of_one_encoding": sum(one.stable_words for one in found) / num_words,
    "texts_of_one_encoding": float(np.mean(np.array(counts) == 1)),
    "most_encodings": max(counts),
    "num_examples": len(found),
  }
