"""The data of a comparison as plain values."""

import dataclasses
from typing import Any

from robust_jax.comparison.load_examples import LoadedExamples, counts


def data_report(examples: LoadedExamples) -> dict[str, Any]:
  """Returns plain values for `report.json`; see `docs/compare.md`."""
  return {
    "kind": examples.kind.name,
    "predictions": examples.kind.predictions.name,
    "examples": len(examples.ids),
    "drawn": len(examples.ids) + len(examples.problems),
    "available": examples.available,
    "labeled": examples.labeled,
    "class_names": list(examples.class_names),
    "classes_without_examples": _without_examples(examples),
    **examples.kind.report(examples.inputs),
    "digest": examples.digest,
    "problem_counts": examples.problem_counts,
    "problems": [dataclasses.asdict(p) for p in examples.problems],
    "left_out_counts": counts(p.kind for p in examples.left_out),
    "left_out": [
      {"id": p.id, "kind": p.kind, "message": p.message}
      for p in examples.left_out
    ],
    "change_counts": counts(c.kind for c in examples.changes),
    "changes": [c._asdict() for c in examples.changes],
  }


def _without_examples(examples):
  """Returns classes without examples; none for data without labels."""
  if examples.labels is None:
    return []
  seen = set(examples.labels.tolist())
  return [n for i, n in enumerate(examples.class_names) if i not in seen]
