"""Readers of boxes: every format, and everything that can be wrong with one."""

import json
import os
import pathlib

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds

from robust_jax.boxes import AnnotatedImage, Annotations
from robust_jax.data.open_detection import open_detection
from robust_jax.data.readers.detection import check_boxes, yolo_boxes
from robust_jax.data.readers.detection.coco_boxes import NO_IMAGE
from robust_jax.data.readers.detection.letterboxed import letterboxed
from robust_jax.data.readers.detection.write_coco import write_coco
from robust_jax.data.readers.validate_dataset import validate_dataset
from tests.unit import detection_files as files

EXAMPLES = files.examples()
RAW = pathlib.Path(os.environ.get("ROBUST_JAX_DATA") or "-") / "raw"
# Each writes a format; its names of images; whether it says what is ignored;
# and pixels to which it rounds.
FORMATS = {
  "npz": (files.write_npz, "{}.png", False, 1e-5),
  "coco": (files.write_coco_files, "{}.png", True, 0),
  "voc": (files.write_voc, "JPEGImages/{}.png", True, 0),
  "yolo": (files.write_yolo, "{part}/images/{}.png", False, 1e-4),
}
PARTS = {"a": "valid", "b": "valid", "c": "test", "d": "test"}


def everything(reader):
  return [reader.get(i) for i in range(len(reader))]


def assert_equal(a, b):
  assert (a.id, a.label) == (b.id, b.label)
  np.testing.assert_array_equal(a.x.image, b.x.image)
  for one, other in zip(a.x.annotations, b.x.annotations, strict=True):
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_read_and_survives_as_coco(name, tmp_path):
  write, template, says_ignored, rounding = FORMATS[name]
  reader = open_detection(str(write(tmp_path, EXAMPLES)))
  assert list(reader.class_names) == files.NAMES
  samples = everything(reader)
  ids = {one: template.format(one, part=PARTS[one]) for one in EXAMPLES}
  assert list(reader.ids) == [s.id for s in samples] == list(ids.values())
  for sample, stored in zip(samples, EXAMPLES.values(), strict=True):
    np.testing.assert_array_equal(sample.x.image, stored.image)
    found, true = sample.x.annotations, stored.annotations
    assert [a.dtype for a in found] == [np.float32, np.int64, bool]
    np.testing.assert_allclose(found.boxes, true.boxes, atol=rounding)
    np.testing.assert_array_equal(found.classes, true.classes)
    np.testing.assert_array_equal(found.ignored, true.ignored & says_ignored)
    assert sample.changed == ()
  # To COCO and back.
  path = tmp_path / "written.json"
  write_coco(path, reader)
  folder = tmp_path / "pictures"
  for sample in samples:
    (folder / sample.id).parent.mkdir(parents=True, exist_ok=True)
    (folder / sample.id).write_bytes(files.png(sample.x.image))
  again = open_detection(str(path), images=folder)
  assert again.class_names == reader.class_names
  assert again.image_ids == reader.image_ids
  assert again.category_ids == reader.category_ids
  for a, b in zip(samples, everything(again), strict=True):
    assert_equal(a, b)


@pytest.mark.parametrize("name", ["npz", "voc", "yolo"])
def test_parts_are_named_and_pooled(name, tmp_path):
  path = str(FORMATS[name][0](tmp_path, EXAMPLES))
  stems = lambda reader: [pathlib.Path(one).stem for one in reader.ids]
  val, test = open_detection(f"{path}[val]"), open_detection(f"{path}[test]")
  both = open_detection(f"{path}[val+test]")
  assert stems(val) + stems(test) == stems(both)
  assert stems(test) == ["c", "d"]
  for a, b in zip(
    [*everything(val), *everything(test)], everything(both), strict=True
  ):
    np.testing.assert_array_equal(a.x.annotations.boxes, b.x.annotations.boxes)
  with pytest.raises(ValueError, match="valid"):
    open_detection(f"{path}[valid]")


@pytest.mark.parametrize("name", FORMATS)
def test_classes_are_in_the_order_of_the_model(name, tmp_path):
  path = str(FORMATS[name][0](tmp_path, EXAMPLES))
  plain = open_detection(path)
  names = ["owl", "ant", "cat", "dog"]
  turned = open_detection(path, class_names=names)
  for a, b in zip(everything(plain), everything(turned), strict=True):
    said = lambda reader, s: [
      reader.class_names[i] for i in s.x.annotations.classes
    ]
    assert said(plain, a) == said(turned, b)
  assert sorted(turned.category_ids.values()) == sorted(names)
  with pytest.raises(ValueError, match="lack 2 of the 3 classes"):
    open_detection(path, class_names=["cat", "dgo"])


class Scenes(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Images of one size with boxes, written without tensorflow."""

  VERSION = tfds.core.Version("1.0.0")
  name = "scenes"
  code_path = None

  def _info(self):
    features = tfds.features
    return tfds.core.DatasetInfo(
      builder=self,
      features=features.FeaturesDict(
        {
          "image": features.Tensor(
            shape=(24, 32, 3), dtype=np.uint8, encoding="bytes"
          ),
          "objects": features.Sequence(
            {
              "bbox": features.BBoxFeature(),
              "label": features.ClassLabel(names=files.NAMES),
              "is_crowd": features.Scalar(dtype=np.bool_),
            }
          ),
        }
      ),
    )

  def _split_generators(self, dl_manager):
    return {"validation": self._generate_examples()}

  def _generate_examples(self):
    one = EXAMPLES["a"]
    boxes = one.annotations.boxes / (32, 24, 32, 24)
    yield (
      0,
      {
        "image": one.image,
        "objects": [
          {
            "bbox": tfds.features.BBox(top, left, bottom, right),
            "label": int(place),
            "is_crowd": bool(ignored),
          }
          for (left, top, right, bottom), place, ignored in zip(
            boxes.tolist(), *one.annotations[1:], strict=True
          )
        ],
      },
    )


def test_a_dataset_of_tfds(tmp_path, monkeypatch):
  builder = Scenes(data_dir=tmp_path)
  builder.download_and_prepare(file_format="array_record")
  monkeypatch.setattr(
    "robust_jax.data.readers.detection.tfds_boxes.find_builder",
    lambda name, data_dir: builder,
  )
  reader = open_detection("tfds:scenes#validation")
  assert list(reader.class_names) == files.NAMES
  (sample,) = everything(reader)
  assert sample.id == "scenes/0"
  np.testing.assert_array_equal(sample.x.image, EXAMPLES["a"].image)
  found, true = sample.x.annotations, EXAMPLES["a"].annotations
  np.testing.assert_allclose(found.boxes, true.boxes, atol=1e-5)
  np.testing.assert_array_equal(found.classes, true.classes)
  np.testing.assert_array_equal(found.ignored, true.ignored)
  with pytest.raises(ValueError, match="no split 'test'"):
    open_detection("tfds:scenes#test")


def test_a_dataset_of_tfds_without_boxes_is_refused():
  with pytest.raises(ValueError, match=r"features \['image', 'label'\]"):
    open_detection("tfds:digits#test")


@pytest.mark.skipif(
  not (RAW / "hardhat").exists(),
  reason="ROBUST_JAX_DATA names no folder with raw/hardhat",
)
def test_hard_hats_are_found_and_counted():
  path = "hardhat/hardhat_320q85.npz"
  sizes = {"train": 675, "val": 204, "test": 75, "val+test": 279}
  for part, size in sizes.items():
    assert len(open_detection(f"{path}[{part}]")) == size
  samples = everything(open_detection(f"{path}[test]"))
  assert {s.x.image.shape for s in samples} == {(320, 320, 3)}
  assert sum(len(s.x.annotations.boxes) for s in samples) == 499


# -- Boxes that are not as they should be.


def coco(change, folder):
  """Opens the COCO file of the examples after a change of its content."""
  content = files.coco(EXAMPLES)
  change(content)
  path = folder / "a.json"
  path.write_text(json.dumps(content))
  files.write_pictures(folder, EXAMPLES)
  return open_detection(str(path))


def first_box(*bbox):
  return lambda content: content["annotations"][0].update(bbox=list(bbox))


@pytest.mark.parametrize(
  ("bbox", "box", "changed"),
  [
    # The image is 32 pixels wide and 24 high.
    ((-2, 3, 10, 5), (0, 3, 8, 8), (check_boxes.CLIPPED,)),
    ((30, 3, 9, 50), (30, 3, 32, 24), (check_boxes.CLIPPED,)),
    ((20, 3, 12.05, 5), (20, 3, 32, 8), ()),  # rounded by the file
    ((32, 3, 9, 5), None, (check_boxes.OUTSIDE,)),
    ((3, 3, 0, 5), None, (check_boxes.EMPTY,)),
    ((3, 3, 4, -1), None, (check_boxes.EMPTY,)),
  ],
)
def test_boxes_are_clipped_or_left_out_and_said(tmp_path, bbox, box, changed):
  sample = coco(first_box(*bbox), tmp_path).get(0)
  assert sample.changed == changed
  boxes = sample.x.annotations.boxes
  others = EXAMPLES["a"].annotations.boxes[1:]
  expected = others if box is None else [box, *others]
  np.testing.assert_array_equal(boxes, np.array(expected, np.float32))


def remove(what, name):
  return lambda content: [one.pop(name) for one in content[what]]


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (
      lambda c: c["annotations"][2].update(category_id=5),
      r"annotation 3: category_id = 5: expected one of .*: 70, 80, 90",
    ),
    (
      lambda c: c["categories"][0].update(name="cat"),
      "2 classes are named 'cat'",
    ),
    (lambda c: c["categories"][0].update(id=80), "two of its categories"),
    (lambda c: c["images"][0].update(id=20), "two of its images"),
    (first_box(1, 2, 3), r"annotation 1: bbox = \[1, 2, 3\]: expected four"),
    (first_box(1, 2, 3, "4"), "expected four numbers"),
    (first_box(1, 2, 3, float("nan")), "expected four numbers"),
    (lambda c: c.pop("images"), "has no list 'images'"),
    (lambda c: c.update(annotations=[3]), "one of its annotations is 3"),
    (remove("images", "file_name"), "expected a number 'id' and a string"),
    (lambda c: c.update(images=[]), "has no images"),
  ],
)
def test_a_coco_file_that_is_refused(tmp_path, change, message):
  with pytest.raises(ValueError, match=message):
    coco(change, tmp_path)


def as_corners(content):
  """Left, top, right, bottom, where width and height are meant."""
  for one in content["annotations"]:
    left, top, width, height = one["bbox"]
    one["bbox"] = [left, top, left + width, top + height]


def as_fractions(content):
  sizes = {i["id"]: (i["width"], i["height"]) for i in content["images"]}
  for one in content["annotations"]:
    scale = np.tile(sizes[one["image_id"]], 2)
    one["bbox"] = (np.array(one["bbox"]) / scale).tolist()


def test_boxes_of_another_form_are_noticed_over_the_whole_file(tmp_path):
  message = (
    "as left, top, right, bottom hardly any does: expected left, top, width"
  )
  with pytest.raises(ValueError, match=message):
    coco(as_corners, tmp_path)
  with pytest.raises(ValueError, match="within the first pixel"):
    coco(as_fractions, tmp_path)
  # One odd box among many is an odd box.
  reader = coco(first_box(16, 12, 30, 20), tmp_path)
  assert reader.get(0).changed == (check_boxes.CLIPPED,)


def test_annotations_without_an_image_and_pictures_that_are_missing(tmp_path):
  reader = coco(lambda c: c["images"].pop(1), tmp_path)
  assert [(p.kind, p.message) for p in reader.left_out] == [
    (NO_IMAGE, "its image_id is 20.")
  ]
  (tmp_path / "c.png").unlink()
  found = validate_dataset(reader, lambda x: None)
  assert found.ids == ("a.png", "d.png")
  (problem,) = found.problems
  assert problem.kind == "unreadable example"
  assert "c.png: " in problem.message
  assert "No such file" in problem.message


def test_a_picture_of_another_size_is_not_that_of_the_boxes(tmp_path):
  reader = coco(lambda c: None, tmp_path)
  PIL.Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
  with pytest.raises(ValueError, match=r"32 x 24 pixels.*has 64 x 48 pixels"):
    reader.get(0)


@pytest.mark.parametrize("size", [(24, 32), (32, 24)])
def test_boxes_are_those_of_the_turned_picture_or_the_unturned(tmp_path, size):
  """By the size (H, W) that the file says; 6 is a quarter turn."""
  left_white = np.zeros((24, 32, 3), np.uint8)
  left_white[:, :16] = 255
  exif = PIL.Image.Exif()
  exif[0x0112] = 6
  reader = coco(
    lambda c: c["images"][0].update(height=size[0], width=size[1]), tmp_path
  )
  PIL.Image.fromarray(left_white).save(tmp_path / "a.png", exif=exif)
  sample = reader.get(0)
  assert sample.x.image.shape == (*size, 3)
  is_turned = size == (32, 24)
  assert ("turned as its EXIF data say" in sample.changed) == is_turned
  # Turned clockwise, the left half is on top.
  assert (sample.x.image[0] == 255).all() == is_turned
  assert (sample.x.image[:, 0] == 255).all() == (not is_turned)


def test_gray_pictures_are_read_in_color(tmp_path):
  reader = coco(lambda c: None, tmp_path)
  PIL.Image.new("L", (32, 24), 7).save(tmp_path / "a.png")
  image = reader.get(0).x.image
  assert image.shape == (24, 32, 3)
  assert (image == 7).all()


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ('{"images": [\n{"id": 1,}]}', r"a.json, line 2: .*expected JSON"),
    ("[1, 2]", "expected a COCO file"),
    ("[" * 100_000, "JSON of too many levels|expected JSON"),
    (b"\xff\xfe{}", "cannot be read"),
  ],
)
def test_a_json_that_is_none(tmp_path, text, message):
  path = tmp_path / "a.json"
  path.write_bytes(text if isinstance(text, bytes) else text.encode())
  with pytest.raises(ValueError, match=message):
    open_detection(str(path))


# -- Pascal VOC.


def voc(change, folder):
  files.write_voc(folder, EXAMPLES)
  path = folder / "Annotations" / "a.xml"
  path.write_text(change(files.xml(EXAMPLES["a"])))
  return open_detection(str(folder))


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (
      lambda text: text.replace("</size>", ""),
      r"a.xml, line 5: .*expected xml",
    ),
    (lambda text: text.replace("<xmin>", "<xmin>one"), "a.xml: an object is"),
    (
      lambda text: text.replace("xmax", "right"),
      "the numbers xmin, ymin, xmax",
    ),
    (lambda text: text.replace("<name>cat</name>", ""), "expected a name"),
    (
      lambda text: "<!DOCTYPE a [<!ENTITY b 'c'>]>" + text,
      "declares entities",
    ),
  ],
)
def test_an_xml_that_is_refused(tmp_path, change, message):
  with pytest.raises(ValueError, match=message):
    voc(change, tmp_path)


def test_xml_files_beside_their_pictures_and_without_sizes(tmp_path):
  files.write_pictures(tmp_path, EXAMPLES)
  for name, one in EXAMPLES.items():
    text = (
      files.xml(one).replace("<width>", "<wide>").replace("</width>", "</wide>")
    )
    (tmp_path / f"{name}.xml").write_text(text)
  (tmp_path / "z.xml").write_text("<annotation></annotation>")
  reader = open_detection(str(tmp_path))
  assert [p.id for p in reader.left_out] == ["z.xml"]
  boxes = reader.get(0).x.annotations.boxes
  np.testing.assert_array_equal(boxes, EXAMPLES["a"].annotations.boxes)


def test_a_folder_of_xml_files_without_objects_needs_names(tmp_path):
  empty = {"c": EXAMPLES["c"]}
  files.write_voc(tmp_path, empty)
  with pytest.raises(ValueError, match="no objects: expected class_names"):
    open_detection(str(tmp_path))
  reader = open_detection(str(tmp_path), class_names=["cat"])
  assert reader.get(0).x.annotations.boxes.shape == (0, 4)


# -- YOLO.


def yolo(text, folder, **config):
  """Opens the examples, with another text of boxes of the first images."""
  path = files.write_yolo(folder, EXAMPLES)
  for name in ("a", "b"):
    (folder / "valid" / "labels" / f"{name}.txt").write_text(text)
  if config:
    named = {"val": "valid/images", "names": files.NAMES}
    path.write_text(json.dumps(named | config))  # which is YAML as well
  return open_detection(str(folder))


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("0 .5 .5 .5 .5\n0 .5 .5 .5", r"a.txt, line 2: '0 .5 .5 .5': expected"),
    ("0 .5 .5 .5 .5 .9", r"a.txt, line 1"),  # a confidence
    ("cat .5 .5 .5 .5", "line 1: 'cat"),
    ("3 .5 .5 .5 .5", r"line 1: class 3: expected 0\.\.2"),
    ("0.5 .5 .5 .5 .5", r"class 0.5: expected 0\.\.2"),
    ("0 .5 nan .5 .5", "line 1: '0 .5 nan"),
    ("0 .4 .4 .9 .9\n" * 9, "as left, top, right, bottom hardly any does"),
    ("0 12 12 9 9\n" * 9, "as pixels hardly any does"),
  ],
)
def test_lines_that_are_refused(tmp_path, text, message):
  with pytest.raises(ValueError, match=message):
    yolo(text, tmp_path, test=None)


def test_polygons_become_boxes_and_missing_texts_are_said(tmp_path):
  reader = yolo("2 .25 .5 .5 .25 .75 .75\n\n0 .5 .5 .5 .5\n", tmp_path)
  sample = reader.get(0)
  assert sample.changed == (yolo_boxes.POLYGON,)
  assert sample.x.annotations.boxes[0].tolist() == [8, 6, 24, 18]
  assert sample.x.annotations.classes.tolist() == [2, 0]
  (tmp_path / "valid" / "labels" / "b.txt").unlink()
  (tmp_path / "valid" / "labels" / "y.txt").write_text("")
  reader = open_detection(str(tmp_path))
  assert reader.get(1).changed == (yolo_boxes.NO_FILE,)
  assert len(reader.get(1).x.annotations.boxes) == 0
  assert reader.get(2).changed == ()  # an empty text is an empty image
  assert [p.id for p in reader.left_out] == ["y.txt"]


@pytest.mark.parametrize(
  ("config", "message"),
  [
    ({"nc": 4}, "nc = 4 for 3 names"),
    ({"names": "cat"}, "expected a list of names"),
    ({"names": {"1": "cat"}}, "a name for each number from 0 on"),
    ({"names": ["cat", "dog", "cat"]}, "2 classes are named 'cat'"),
    ({"val": "nowhere"}, "names nowhere: no such folder"),
    ({"val": None}, "expected some of train, val, test"),
  ],
)
def test_a_data_yaml_that_is_refused(tmp_path, config, message):
  with pytest.raises(ValueError, match=message):
    yolo("", tmp_path, **config)


def test_a_data_yaml_names_lists_of_pictures_and_numbers(tmp_path):
  reader = yolo(files.lines(EXAMPLES["a"]), tmp_path)
  (tmp_path / "some.txt").write_text(
    "valid/images/b.png\n./valid/images/a.png\n"
  )
  named = "val: [some.txt]\nnames: {0: cat, 1: dog, 2: owl}\n"
  (tmp_path / "data.yaml").write_text(named)
  listed = open_detection(str(tmp_path))
  assert listed.ids == ("valid/images/b.png", "valid/images/a.png")
  assert_equal(listed.get(1), reader.get(0))
  for text in ("- 1", "names: [", "!!python/object/apply:os.getcwd []"):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"data\.yaml"):
      open_detection(str(tmp_path))


# -- Our own.


@pytest.mark.parametrize(
  ("arrays", "message"),
  [
    ({"box_class": np.array([0, 1, 2, 0, 3, 0])}, r"box_class is from 0 to 3"),
    ({"box_image": np.array([0.0])}, "box_image: float64"),
    ({"split": np.array([0, 1, 2, 3])}, "split is from 0 to 3"),
    ({"offsets": np.array([0, 1])}, r"offsets has the shape \(2,\)"),
    ({"classes": np.array([b"a", b"a", b"b"])}, "2 classes are named 'a'"),
    (
      {"box_xyxy": np.tile([0.4, 0.5, 0.3, 0.2], (6, 1))},
      "as left, top, width, height hardly any does",
    ),
    ({"box_xyxy": np.tile([4.0, 5.0, 9.0, 9.0], (6, 1))}, "as pixels hardly"),
    ({"classes": None}, "classes: no such array"),
  ],
)
def test_an_npz_that_is_refused(tmp_path, arrays, message):
  path = files.write_npz(tmp_path, EXAMPLES)
  stored = dict(np.load(path)) | arrays
  np.savez(path, **{k: v for k, v in stored.items() if v is not None})
  with pytest.raises(ValueError, match=message):
    open_detection(str(path))


# -- Paths.


@pytest.mark.parametrize(
  ("data", "message"),
  [
    ("nowhere.npz", "nowhere.npz: no such file in the working directory"),
    ("tfds:scenes", "expected tfds:NAME#SPLIT"),
    ("empty", "has no data.yaml, json or xml files"),
    ("a.json[val]", "has no parts to be named"),
    ("other.txt", "expected boxes in an .npz, .json or .yaml"),
    ("two", r"has 2 files \*.json: expected one of them"),
  ],
)
def test_paths_that_are_refused(tmp_path, monkeypatch, data, message):
  monkeypatch.chdir(tmp_path)
  monkeypatch.delenv("ROBUST_JAX_DATA", raising=False)
  for name in ("empty", "two"):
    (tmp_path / name).mkdir()
  for name in ("a.json", "other.txt", "two/a.json", "two/b.json"):
    (tmp_path / name).write_text("{}")
  with pytest.raises(ValueError, match=message):
    open_detection(data)


def test_relative_paths_are_found_among_raw_files(tmp_path, monkeypatch):
  folder = tmp_path / "raw" / "scenes"
  folder.mkdir(parents=True)
  files.write_npz(folder, EXAMPLES)
  monkeypatch.setenv("ROBUST_JAX_DATA", str(tmp_path))
  assert len(open_detection("scenes/boxes.npz[test]")) == 2


@pytest.mark.parametrize("size", [16, 24, 100])
@pytest.mark.parametrize("shape", [(24, 48), (48, 24), (31, 31)])
def test_a_painted_rectangle_is_where_its_resized_box_is(shape, size):
  image = np.zeros((*shape, 3), np.uint8)
  image[6:18, 3:21] = 255
  box = np.array([[3, 6, 21, 18]], np.float32)
  objects = Annotations(box, np.array([1]), np.array([True]))
  found = letterboxed(AnnotatedImage(image, objects), size)
  assert found.image.shape == (size, size, 3)
  rows, columns = np.nonzero(found.image[..., 0] > 127)
  seen = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
  np.testing.assert_allclose(found.annotations.boxes, [seen], atol=0.55)
  assert found.annotations[1:] == objects[1:]


def test_images_of_several_shapes_are_resized_to_one(tmp_path):
  path = str(files.write_coco_files(tmp_path, EXAMPLES))
  plain, resized = open_detection(path), open_detection(path, size=20)
  for name in ("class_names", "ids", "image_ids", "category_ids", "left_out"):
    assert getattr(plain, name) == getattr(resized, name)
  shapes = {sample.x.image.shape for sample in everything(resized)}
  assert shapes == {(20, 20, 3)}
  # The file of the resized images has their sizes.
  write_coco(tmp_path / "resized.json", resized)
  content = json.loads((tmp_path / "resized.json").read_text())
  assert {(one["width"], one["height"]) for one in content["images"]} == {
    (20, 20)
  }
  with pytest.raises(ValueError, match="size"):
    open_detection(path, size=0)
