"""Detectors compared: objects found and lost, average precision, page."""

import dataclasses
import json

import numpy as np
import pytest

from experiments.compare.models import parse_models, with_trained_families
from experiments.compare.open_data import kind_of
from experiments.compare.run import compare
from robust_jax.boxes import AnnotatedImage, Annotations, Detections
from robust_jax.comparison.cases import build_cases
from robust_jax.comparison.data_kinds import AnnotatedImages
from robust_jax.comparison.load_examples import load_examples
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.prediction_kinds import Detections as Kind
from robust_jax.comparison.predictors.detector_predictor import (
  detector_predictor,
)
from robust_jax.comparison.predictors.pack_detections import pack
from robust_jax.data.open_detection import open_detection
from robust_jax.data.readers.detection.coco_results import write_coco_results
from robust_jax.data.readers.reader import Sample
from robust_jax.statistics.detection.average_precision import (
  average_precision,
)
from robust_jax.statistics.detection.match import match
from robust_jax.statistics.detection.ranking import rank
from tests.unit.detection_files import write_coco_files
from tests.unit.whole_page import check_page

NAMES = ("red", "green", "blue")
SIDE, NUM_IMAGES = 24, 30


class Rectangles:
  """Images with up to two rectangles of a color each, and one with none."""

  class_names = NAMES

  def __len__(self):
    return NUM_IMAGES

  def get(self, index):
    rng = np.random.default_rng(index)
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    boxes, classes = [], []
    for half in range(index % 3):
      left, top = 12 * half + rng.integers(1, 4), rng.integers(1, 4)
      width, height = rng.integers(4, 8), rng.integers(6, 16)
      color = int(rng.integers(3))
      image[top : top + height, left : left + width, color] = 200
      boxes.append([left, top, left + width, top + height])
      classes.append(color)
    found = np.array(boxes, np.float32).reshape(-1, 4)
    none = np.zeros(len(classes), bool)
    annotations = Annotations(found, np.array(classes, int), none)
    return Sample(f"image {index}", AnnotatedImage(image, annotations), None)


def find_colors(images, only_left=False):
  """The rectangle of each color in each half of an image."""
  found = []
  for image in images:
    boxes, classes = [], []
    for half in range(2 - only_left):
      part = image[:, 12 * half : 12 * (half + 1)] > 100
      for color in range(3):
        rows, columns = np.nonzero(part[..., color])
        if len(rows):
          left, right = columns.min(), columns.max() + 1
          low, high = 12 * half + left, 12 * half + right
          boxes.append([low, rows.min(), high, rows.max() + 1])
          classes.append(color)
    shape = (len(classes), 4)
    boxes = np.array(boxes, np.float32).reshape(shape)
    found.append((boxes, np.full(len(classes), 0.9), np.array(classes, int)))
  return found


def find_left(images):
  """Finds objects in the left half alone."""
  return find_colors(images, only_left=True)


def _model(name, detect):
  predict = detector_predictor(detect, NAMES)
  return ComparedModel(
    name, "here", "function", name, lambda case, ids, x: predict(x)
  )


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
  path = tmp_path_factory.mktemp("detectors")
  models = {
    "both": dataclasses.replace(
      _model("both", find_colors), trained_families=("flips",)
    ),
    "left": _model("left", find_left),
    "again": _model("again", find_colors),
  }
  report = compare(
    models,
    Rectangles(),
    path,
    name="rectangles",
    families=["flips"],
    kind=AnnotatedImages(),
  )
  return path, report


def test_the_risk_is_the_fraction_of_found_objects_that_are_lost(compared):
  """A model of the left half loses what a flip takes to the right."""
  both, left, _ = compared[1]["models"].values()
  assert both["risk"]["overall"]["risk"]["value"] == 0
  assert both["risk"]["clean_accuracy"] == 100
  rows = left["risk"]["families"]["flips"]["transformations"]
  examples = [Rectangles().get(i).x.annotations for i in range(NUM_IMAGES)]
  boxes = np.concatenate([one.boxes for one in examples])
  seen = boxes[:, 2] <= 12
  stays = (boxes[:, 0] + boxes[:, 2]) / 2 > 12
  assert left["risk"]["clean_correct"] == seen.sum()
  assert not (seen & stays).any()
  assert rows["horizontal"]["risk"]["value"] == 100
  assert rows["vertical"]["risk"]["value"] == 0
  assert rows["both"]["risk"]["value"] == 100


def test_average_precision_is_that_of_the_clean_images(compared):
  found = compared[1]["models"]["left"]["detection"]["precision"]["overall"]
  matches = []
  for index in range(NUM_IMAGES):
    image, annotations = Rectangles().get(index).x
    detections = Detections(*find_left([image])[0])
    matches.append(match(annotations, detections))
  expected = average_precision(rank(matches, 3), draws=10)
  assert found["ap"]["value"] == pytest.approx(expected.overall.ap.value)
  accuracy = compared[1]["models"]["left"]["accuracy"]
  assert accuracy["clean"] == pytest.approx(expected.overall.ap.value)


def test_a_flip_keeps_the_average_precision_of_what_sees_everything(compared):
  found = compared[1]["models"]["both"]["detection"]
  assert found["changed"]["ap"]["mpc"]["value"] == pytest.approx(100)
  assert found["changed"]["ap"]["rpc"]["value"] == pytest.approx(100)
  assert found["errors"]["false positives"] == 0
  added = found["added_errors"]["flips"]
  assert {one["value"] for one in added.values()} == {0}


def test_the_better_detector_is_recommended(compared):
  advice = compared[1]["recommendation"]
  assert advice["deploy"] is None  # two of them are identical
  assert compared[1]["identical"] == [["both", "again"]]
  pair = compared[1]["comparisons"][0]
  assert pair["clean"]["what"] == "AP"
  assert pair["clean"]["verdict"] == pair["changed"]["verdict"] == "A better"
  assert pair["balanced_clean"] is None


def test_training_with_a_family_is_asked_for_its_effect(compared):
  found = compared[1]["trained_families"]
  assert found["baseline"] == "left"  # the second
  (row,) = found["rows"]
  assert (row["model"], row["family"]) == ("both", "flips")
  assert row["answer"] == "yes, the risk under it is less"
  page = (compared[0] / "report.html").read_text(encoding="utf-8")
  assert row["sentence"] in page


def test_the_worst_images_are_shown_with_their_boxes(compared):
  path, report = compared
  assert not report["gallery"]["both"]
  shown = report["gallery"]["left"]
  assert {one["case"] for one in shown} <= {
    "flips/horizontal/1",
    "flips/both/1",
    "invariance tests/horizontal_flip/1",
  }
  page = (path / "report.html").read_text(encoding="utf-8")
  check_page(page)
  assert page.count('<svg class="boxes"') == 2 * len(shown)
  assert "objects found in clean images that are lost" in page


def test_stored_detections_give_the_report_of_the_live_model(
  compared, tmp_path
):
  """Each case is a file, and the numbers are the same."""
  kind = AnnotatedImages()
  pictures = {f"{i}": Rectangles().get(i).x for i in range(NUM_IMAGES)}
  data = open_detection(str(write_coco_files(tmp_path, pictures)))
  numbers = {name: number for number, name in data.image_ids.items()}
  live, stored = tmp_path / "live", tmp_path / "stored"
  examples = load_examples(data, kind=kind)
  cases = build_cases(examples.facts, ["flips"], kind).cases
  for case in (None, *cases):
    name = "clean" if case is None else case.name
    inputs = examples.groups[0].inputs
    if case is not None:
      inputs = kind.transform(
        case.transformation,
        inputs,
        examples.groups[0].numbers,
        case.level,
        0,
        len(inputs),
      )
    found = [Detections(*one) for one in find_left([x.image for x in inputs])]
    by_number = zip(
      (numbers[name] for name in examples.ids), found, strict=True
    )
    ids = [numbers[name] for name in examples.ids]
    file = stored / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    by_number = dict(zip(ids, found, strict=True))
    write_coco_results(file, by_number, list(data.category_ids))
  models = {"left": _model("left", find_left)} | parse_models(
    [f"kept={stored}"], kind=kind, data=data
  )
  report = compare(models, data, live, families=["flips"], kind=kind)
  assert report["identical"] == [["left", "kept"]]
  a, b = report["models"].values()
  for part in ("risk", "detection", "accuracy", "coverage"):
    assert a[part] == b[part]


class TestKind:
  def test_a_file_gives_back_what_is_stored(self):
    given = Kind().read(pack(_some(), 3), 3)
    again = Kind().from_arrays(Kind().to_arrays(given))
    for a, b in zip(given, again, strict=True):
      np.testing.assert_array_equal(a, b)
    assert [len(image.scores) for image in again.images()] == [2, 0, 1]

  def test_moved_boxes_and_missing_ones_differ(self):
    given = Kind().read(pack(_some(), 3), 3)
    rows = np.arange(3)
    same, moved, fewer = _some(), _some(), _some()
    moved[0].boxes[0] += 0.5
    fewer[2] = Detections(*(part[:0] for part in fewer[2]))
    differ = lambda found: Kind().differ(pack(found, 3), given, rows, 3)
    assert [differ(found) for found in (same, moved, fewer)] == [0, 1, 1]

  def test_unknown_classes_are_said(self):
    some = _some()
    some[0].classes[0] = 7
    found = Kind().read(pack(some, 3), 3)
    assert found.unknown == (7,)
    assert len(found.images()[0].scores) == 1

  def test_outputs_of_another_shape_are_refused(self):
    with pytest.raises(ValueError, match=r"\(2, 6\) for 2 images: expected"):
      Kind().check(np.zeros((2, 6)), 2, 3)

  def test_a_change_of_scores_is_a_change(self):
    given = Kind().read(pack(_some(), 3), 3)
    assert Kind().fraction_changed(given, given) == 0
    nothing = given._replace(scores=0 * given.scores)
    assert Kind().fraction_changed(given, nothing) == pytest.approx(2 / 3)


def _some():
  one = np.array([[1, 2, 5, 6]], np.float32)
  return [
    Detections(np.vstack([one, one + 9]), np.array([0.9, 0.5]), np.arange(2)),
    Detections(one[:0], np.zeros(0), np.zeros(0, int)),
    Detections(one, np.array([0.3]), np.array([2])),
  ]


@pytest.mark.parametrize("format_", ["coco.json", "data.yaml", "boxes.npz"])
def test_files_of_boxes_are_annotated_images(format_, tmp_path):
  path = tmp_path / format_
  if format_ == "boxes.npz":
    np.savez(path, box_xyxy=np.zeros((0, 4)))
  else:
    path.write_text(json.dumps({"annotations": []}), encoding="utf-8")
  assert kind_of(f"{path}").name == "annotated_images"
  assert kind_of(f"{path}[test]").name == "annotated_images"


def test_other_files_are_not(tmp_path):
  np.savez(tmp_path / "images.npz", images=np.zeros(3))
  for name in ("images.npz", "absent.npz", "", "table.csv"):
    kind = kind_of(str(tmp_path / name))
    assert kind.name in ("images", "texts")


def test_attacks_on_classifiers_are_refused(tmp_path):
  said = "family 'adversarial' attacks the logits of classifiers.*studies.det"
  with pytest.raises(ValueError, match=said):
    compare(
      {"both": _model("both", find_colors)},
      Rectangles(),
      tmp_path,
      families=["adversarial"],
      kind=AnnotatedImages(),
    )


def test_families_that_are_not_tested_are_refused(tmp_path):
  models = {name: _model(name, find_colors) for name in "ab"}
  asked = with_trained_families(models, ["b=flips+noise"])
  assert asked["b"].trained_families == ("flips", "noise")
  with pytest.raises(ValueError, match="b=noise: expected families that are"):
    compare(
      asked, Rectangles(), tmp_path, families=["flips"], kind=AnnotatedImages()
    )


def test_a_detector_that_finds_nothing_is_left_out(tmp_path):
  nothing = lambda images: [_some()[1] for _ in images]
  models = {"a": _model("a", find_colors), "b": _model("b", nothing)}
  report = compare(
    models, Rectangles(), tmp_path, families=["flips"], kind=AnnotatedImages()
  )
  assert list(report["models"]) == ["a"]
  assert "finds no object" in report["models_left_out"]["b"]
