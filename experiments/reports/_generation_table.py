"""The table of a report of generated samples, printed and as Markdown."""

import pathlib
from collections.abc import Mapping
from typing import Any

import rich.box
import rich.table

from robust_jax.files import atomic_write

_HEADINGS = ("", "generated", "training (the floor)")
_LINES = {
  "frechet_distance": "Frechet distance",
  "kernel_distance": "kernel distance, unbiased",
  "precision": "precision",
  "recall": "recall",
  "density": "density",
  "coverage": "coverage",
  "num_covered": "classes covered",
  "in_a_mode": "within 4 deviations of a mode",
  "total_variation": "total variation of classes",
  "kl": "KL divergence of classes",
  "nearer_to_train": "nearer to training than to test",
}


def rich_table(result: Mapping[str, Any]) -> rich.table.Table:
  """Makes the table for the terminal."""
  table = rich.table.Table(box=rich.box.SIMPLE_HEAD)
  for heading in _HEADINGS:
    table.add_column(heading, justify="right" if heading else "left")
  for line in _lines(result):
    table.add_row(*line)
  return table


def write_markdown(path: pathlib.Path, result: Mapping[str, Any]) -> None:
  """Writes the table with its caption to a file."""
  rows = ["| " + " | ".join(line) + " |" for line in _lines(result)]
  table = ["| " + " | ".join(_HEADINGS) + " |", "|---|---:|---:|", *rows]
  with atomic_write(path) as new:
    text = "\n".join([*caption(result), "", *table])
    new.write_text(text + "\n", encoding="utf-8")


def caption(result: Mapping[str, Any]) -> list[str]:
  """Says in sentences what the numbers of a report are numbers of."""
  size, width = result["num_examples"], result["num_features"]
  sentences = [
    f"Step {result['step']}: {size} samples beside {size} of {result['test']}.",
    f"The floor is {size} of {result['train']} beside the same.",
    f"Features: {result['extractor']['name']}, {width} numbers, digest "
    f"{result['extractor']['digest']}.",
    f"Generated values: {result['quantization']}.",
    "Brackets are 95 % intervals; of precision, recall, density and coverage "
    "they are too narrow, because neighborhoods are not resampled.",
  ]
  if size <= width:
    sentences.append(
      f"{size} examples are too few for {width} features: covariances are "
      "singular, and the Frechet distance is mostly bias."
    )
  p_value = result["memorization"]["p_value"]
  sentences.append(
    "If no sample was a copy, distances to training examples would be as short "
    f"as they are with p = {p_value:.2g}."
  )
  return sentences


def _lines(result: Mapping[str, Any]) -> list[list[str]]:
  parts = [result["generated"], result["floor"]]
  return [
    [title, *(_cell(part.get(name)) for part in parts)]
    for name, title in _LINES.items()
    if name in parts[0]
  ]


def _cell(value: Any) -> str:
  """Formats a number or an estimate; nothing for None."""
  if not isinstance(value, Mapping):
    return "" if value is None else f"{value}"
  number, *ends = (f"{value[key]:.3g}" for key in ("value", "low", "high"))
  return f"{number} [{', '.join(ends)}]"
