"""All that is known of the images that models are compared on."""

from typing import Any

from robust_jax.comparison.load_images import LoadedImages, counts


def data_report(images: LoadedImages) -> dict[str, Any]:
  """Plain values for `report.json`; `docs/compare.md` describes them."""
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
    "problems": [p._asdict() for p in images.problems],
    "left_out_counts": counts(p.kind for p in images.left_out),
    "left_out": [
      {"id": p.id, "kind": p.kind, "message": p.message}
      for p in images.left_out
    ],
    "change_counts": counts(c.kind for c in images.changes),
    "changes": [c._asdict() for c in images.changes],
  }


def _without_images(images):
  """Classes that no image is of; none is known of data without labels."""
  if images.labels is None:
    return []
  seen = set(images.labels.tolist())
  return [n for i, n in enumerate(images.class_names) if i not in seen]
