"""The same images and boxes in files of every format."""

import io
import json

import numpy as np
import PIL.Image
import yaml

from robust_jax.boxes import AnnotatedImage, Annotations

NAMES = ["cat", "dog", "owl"]


def examples():
  """Name -> image and boxes, in whole pixels; one image has none."""
  rng = np.random.default_rng(0)
  found = {}
  for name, (height, width), count in (
    ("a", (24, 32), 3),
    ("b", (16, 16), 1),
    ("c", (20, 12), 0),
    ("d", (32, 20), 2),
  ):
    low = rng.integers(0, (width // 2, height // 2), (count, 2))
    high = low + rng.integers(3, (width // 2, height // 2), (count, 2))
    found[name] = AnnotatedImage(
      rng.integers(0, 256, (height, width, 3)).astype(np.uint8),
      Annotations(
        np.hstack([low, high]).astype(np.float32),
        rng.integers(0, 3, count),
        np.arange(count) == 1,
      ),
    )
  found["a"].annotations.classes[:] = 0, 1, 2  # so that no class is missing
  return found


def png(image):
  file = io.BytesIO()
  PIL.Image.fromarray(image).save(file, "PNG")
  return file.getvalue()


def write_pictures(folder, found):
  folder.mkdir(parents=True, exist_ok=True)
  for name, one in found.items():
    (folder / f"{name}.png").write_bytes(png(one.image))


def write_npz(folder, found, split=(0, 1, 2, 2)):
  """Does not say which objects are ignored."""
  blobs = [png(one.image) for one in found.values()]
  counts = [len(one.annotations.boxes) for one in found.values()]
  fractions = [
    one.annotations.boxes / np.tile(one.image.shape[1::-1], 2)
    for one in found.values()
  ]
  path = folder / "boxes.npz"
  np.savez(
    path,
    blob=np.frombuffer(b"".join(blobs), np.uint8),
    offsets=np.cumsum([0, *map(len, blobs)]),
    names=np.array([f"{name}.png" for name in found], bytes),
    split=np.array(split, np.uint8),
    classes=np.array(NAMES, bytes),
    box_image=np.repeat(np.arange(len(found)), counts),
    box_class=np.concatenate(
      [one.annotations.classes for one in found.values()]
    ),
    box_xyxy=np.concatenate(fractions).astype(np.float32),
  )
  return path


def coco(found):
  """The content of a COCO file whose ids are sparse."""
  content = {
    "categories": [
      {"id": 90 - 10 * i, "name": name} for i, name in enumerate(NAMES[::-1])
    ],
    "images": [],
    "annotations": [],
  }
  for number, (name, one) in enumerate(found.items()):
    height, width = one.image.shape[:2]
    image = {"id": 17 + 3 * number, "file_name": f"{name}.png"}
    content["images"].append({**image, "height": height, "width": width})
    for box, place, ignored in zip(*one.annotations, strict=True):
      left, top, right, bottom = box.tolist()
      content["annotations"].append(
        {
          "id": len(content["annotations"]) + 1,
          "image_id": image["id"],
          "category_id": 70 + 10 * int(place),
          "bbox": [left, top, right - left, bottom - top],
          "iscrowd": int(ignored),
        }
      )
  return content


def write_coco_files(folder, found):
  write_pictures(folder / "val2017", found)
  (folder / "annotations").mkdir()
  path = folder / "annotations" / "instances_val2017.json"
  path.write_text(json.dumps(coco(found)), encoding="utf-8-sig")
  return path


def xml(one):
  height, width = one.image.shape[:2]
  objects = "".join(
    f"<object><name>{NAMES[place]}</name><difficult>{ignored:d}</difficult>"
    f"<bndbox><xmin>{box[0] + 1:g}</xmin><ymin>{box[1] + 1:g}</ymin>"
    f"<xmax>{box[2]:g}</xmax><ymax>{box[3]:g}</ymax></bndbox></object>\n"
    for box, place, ignored in zip(*one.annotations, strict=True)
  )
  return (
    f"<annotation><filename>another.jpg</filename>\n<size><width>{width}</width>"
    f"<height>{height}</height></size>{objects}</annotation>"
  )


def write_voc(folder, found):
  write_pictures(folder / "JPEGImages", found)
  lists = folder / "ImageSets" / "Main"
  for new in (folder / "Annotations", lists):
    new.mkdir(parents=True)
  for name, one in found.items():
    (folder / "Annotations" / f"{name}.xml").write_text(xml(one), "utf-8-sig")
  (lists / "val.txt").write_text("a  1\nb -1\n")
  (lists / "test.txt").write_text("c\nd\n")
  return folder


def lines(one):
  """Lines of a YOLO text, without those that are ignored marked."""
  height, width = one.image.shape[:2]
  rows = []
  for box, place in zip(*one.annotations[:2], strict=True):
    left, top, right, bottom = box.tolist()
    numbers = (
      (left + right) / 2 / width,
      (top + bottom) / 2 / height,
      (right - left) / width,
      (bottom - top) / height,
    )
    rows.append(" ".join([str(place), *(f"{n:.6f}" for n in numbers)]))
  return "\n".join(rows)


def write_yolo(folder, found):
  """Two parts, named as Roboflow does."""
  for part, names in (("valid", "ab"), ("test", "cd")):
    some = {name: found[name] for name in names}
    write_pictures(folder / part / "images", some)
    (folder / part / "labels").mkdir()
    for name, one in some.items():
      path = folder / part / "labels" / f"{name}.txt"
      path.write_text(lines(one), encoding="utf-8-sig")
  path = folder / "data.yaml"
  folders = {"val": "../valid/images", "test": "../test/images"}
  path.write_text(yaml.dump({**folders, "nc": 3, "names": NAMES}))
  return path
