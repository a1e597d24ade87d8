"""The images of a comparison as plain values."""

import dataclasses
from typing import Any

from robust_jax.comparison.load_images import LoadedImages, counts


def data_report(images: LoadedImages) -> dict[str, Any]:
  """Returns plain values for `report.json`; see `docs/compare.md`."""
  return {
    "images": len(images.ids),
    "drawn": len(images.ids) + len(images.problems),
    "available": images.available,
    "labeled": images.labels is not None,
    "class_names": list(images.class_names),
    "classes_without_images": _without_images(images),
    "shapes": [
      {"shape": list(g.pixels.shape[1:]), "images": len(g.rows)}
      for g in images.groups
    ],
    "digest": images.digest,
    "problem_counts": images.problem_counts,
    "problems": [dataclasses.asdict(p) for p in images.problems],
    "left_out_counts": counts(p.kind for p in images.left_out),
    "left_out": [
      {"id": p.id, "kind": p.kind, "message": p.message}
      for p in images.left_out
    ],
    "change_counts": counts(c.kind for c in images.changes),
    "changes": [c._asdict() for c in images.changes],
  }


def _without_images(images):
  """Returns classes without images; none for data without labels."""
  if images.labels is None:
    return []
  seen = set(images.labels.tolist())
  return [n for i, n in enumerate(images.class_names) if i not in seen]
