"""COCO files of the boxes of a reader."""

import pathlib
from typing import Any

import numpy as np

from robust_jax.boxes import to_corner_and_size
from robust_jax.data.readers.detection.annotated_images import BoxReader
from robust_jax.files import write_json


def write_coco(path: pathlib.Path, reader: BoxReader) -> None:
  """Writes the boxes of a reader as a COCO file; pictures are not copied.

  Numbers are written in full, so that reading the file gives equal boxes.
  Images and classes have the numbers of the reader's `image_ids` and
  `category_ids`, and annotations are numbered from 1.
  """
  category = {name: number for number, name in reader.category_ids.items()}
  images: list[dict[str, Any]] = []
  annotations: list[dict[str, Any]] = []
  for row, number in enumerate(reader.image_ids):
    sample = reader.get(row)
    height, width = sample.x.image.shape[:2]
    images.append(
      {"id": number, "file_name": sample.id, "width": width, "height": height}
    )
    for box, place, ignored in zip(*sample.x.annotations, strict=True):
      bbox = to_corner_and_size(box.astype(np.float64))
      annotations.append(
        {
          "id": len(annotations) + 1,
          "image_id": number,
          "category_id": category[reader.class_names[place]],
          "bbox": bbox.tolist(),
          "area": float(bbox[2] * bbox[3]),
          "iscrowd": int(ignored),
        }
      )
  categories = [
    {"id": number, "name": name} for number, name in reader.category_ids.items()
  ]
  write_json(
    path,
    {"images": images, "annotations": annotations, "categories": categories},
  )
