"""Datasets of images with boxes."""

import io

import numpy as np
import PIL.Image
import pytest
from ml_collections import ConfigDict

from experiments import build
from robust_jax.boxes import AnnotatedImage, Annotations
from robust_jax.data.detection import detection_dataset
from robust_jax.data.readers.reader import Sample

BOXES = np.float32(
  [[-4, 1, 6, 9], [2, 2, 5, 5], [3, 3, 3, 9], [0, 0, 20, 20], [1, 1, 2, 2]]
)


class Reader:
  """One image for each size, all with the same five objects."""

  class_names = ("hat", "head")

  def __init__(self, *sizes):
    self._sizes = sizes

  def __len__(self):
    return len(self._sizes)

  def get(self, index):
    image = np.full((*self._sizes[index], 3), 255, np.uint8)
    ignored = np.array([False, False, False, True, False])
    objects = Annotations(BOXES, np.array([0, 1, 0, 1, 1]), ignored)
    return Sample(f"image {index}", AnnotatedImage(image, objects), None)


def test_boxes_are_clipped_and_those_that_are_no_objects_are_left_out():
  dataset = detection_dataset("hats", Reader((12, 16), (12, 16)), max_boxes=4)
  y = dataset.read(np.array([1]))["y"]
  assert y["boxes"][0].tolist() == [
    [0, 1, 6, 9],
    [2, 2, 5, 5],
    [1, 1, 2, 2],
    [0, 0, 0, 0],
  ]
  assert y["classes"].tolist() == [[0, 1, 1, 0]]
  assert y["present"].tolist() == [[1, 1, 1, 0]]
  assert dataset.info["left_out"] == 4  # without area and ignored, of two
  assert dataset.info["num_classes"] == 2
  assert dataset.info["image_shape"] == (12, 16, 3)


def test_of_too_many_boxes_the_largest_are_kept_in_their_order():
  dataset = detection_dataset("hats", Reader((12, 16)), max_boxes=2)
  y = dataset.read(np.array([0]))["y"]
  assert y["boxes"][0].tolist() == [[0, 1, 6, 9], [2, 2, 5, 5]]
  assert dataset.info["left_out"] == 3


def test_images_of_two_sizes_are_refused():
  with pytest.raises(ValueError, match="'image 1' of 'hats' has the shape"):
    detection_dataset("hats", Reader((12, 16), (16, 12)))
  with pytest.raises(ValueError, match="'hats' has no images"):
    detection_dataset("hats", Reader())


@pytest.fixture
def stored(tmp_path):
  """A file of a picture for training and one for validation."""
  files = []
  for level in (50, 200):
    picture = io.BytesIO()
    PIL.Image.fromarray(np.full((32, 64, 3), level, np.uint8)).save(
      picture, "JPEG"
    )
    files.append(np.frombuffer(picture.getvalue(), np.uint8))
  np.savez(
    tmp_path / "hats.npz",
    blob=np.concatenate(files),
    offsets=np.cumsum([0, *map(len, files)]),
    names=np.array([b"a.jpg", b"b.jpg"]),
    split=np.uint8([0, 1]),
    classes=np.array([b"hat", b"head"]),
    box_image=np.int32([1, 0, 1]),
    box_class=np.uint8([1, 0, 0]),
    box_xyxy=np.float32(
      [[0, 0, 0.5, 0.5], [0.25, 0, 1, 1], [0.5, 0.5, 0.75, 1]]
    ),
  )
  return tmp_path / "hats.npz"


def test_a_config_names_a_file_and_the_part_of_each_split(stored, capsys):
  data = {
    "kind": "detection",
    "name": "hats",
    "train": f"{stored}[train]",
    "validation": f"{stored}[val]",
    "max_boxes": 1,
  }
  config = ConfigDict({"data": data})
  train, valid = (build.dataset(config, s) for s in ("train", "validation"))
  batch = train.decode(train.read(np.array([0])))
  assert batch["y"]["boxes"].tolist() == [[[16, 0, 64, 32]]]
  np.testing.assert_allclose(batch["x"], 50 / 255, atol=0.01)
  assert capsys.readouterr().out == (
    "hats (validation): 1 boxes are left out, without area or beyond the 1 "
    "largest of their image.\n"
  )
  assert valid.read(np.array([0]))["y"]["classes"].tolist() == [[1]]
  assert valid.info["class_names"] == ("hat", "head")
  with pytest.raises(ValueError, match="no split 'test'"):
    build.dataset(config, "test")
