"""The kind of outputs is detected and reported; classes have an order."""

import json
import typing

import numpy as np
import pytest
import scipy.special

from experiments.compare.class_names import class_names
from experiments.compare.models import with_output_kinds
from experiments.compare.open_data import open_images
from experiments.compare.per_model import per_model
from experiments.compare.run import compare
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.predictors.read_outputs import (
  MEANING,
  Kind,
  read_outputs,
)
from robust_jax.data.readers.array_images import ArrayImages
from robust_jax.data.readers.in_order import InOrder
from robust_jax.data.readers.validate_dataset import validate_dataset

RNG = np.random.default_rng(0)


def _distribution(num_classes, size=400):
  logits = RNG.normal(0, 2, (size, num_classes))
  return logits, scipy.special.softmax(logits, axis=1)


@pytest.mark.parametrize("num_classes", [2, 10, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("decimals", [2, 3, 4, 7])
def test_rounded_probabilities_and_percentages(num_classes, dtype, decimals):
  _, p = _distribution(num_classes)
  for whole, kind in ((1, "probabilities"), (100, "percentages")):
    scores = (whole * p).round(decimals - (whole == 100)).astype(dtype)
    if num_classes == 100 and decimals == 2:
      continue  # their sum says nothing any more
    found = read_outputs(scores, num_classes)
    assert found.kind == kind
    np.testing.assert_allclose(found.probabilities, p, atol=10.0**-decimals)


def test_probabilities_of_half_precision():
  _, p = _distribution(1000)
  found = read_outputs(p.astype(np.float16), 1000)
  assert found.kind == "probabilities"


def test_sigmoids_are_each_a_probability():
  logits, _ = _distribution(10)
  scores = scipy.special.expit(logits)
  found = read_outputs(scores, 10)
  assert found.kind == "sigmoids"
  np.testing.assert_array_equal(found.probabilities, scores)


@pytest.mark.parametrize("scale", [0.1, 1, 30])
def test_logits_stay_logits(scale):
  logits, _ = _distribution(10)
  for scores in (scale * logits, np.maximum(scale * logits, 0) + 20):
    found = read_outputs(scores, 10)
    assert found.kind == "logits"
    np.testing.assert_allclose(
      found.probabilities, scipy.special.softmax(scores, axis=1)
    )


def test_each_kind_can_be_said_and_has_a_meaning():
  assert set(MEANING) == set(typing.get_args(Kind))
  _, p = _distribution(3)
  for kind in MEANING:
    outputs = p.argmax(axis=1) if kind == "classes" else p
    assert read_outputs(outputs, 3, kind).kind == kind
  as_logits = read_outputs(p, 3, "logits").probabilities
  np.testing.assert_allclose(as_logits, scipy.special.softmax(p, axis=1))


@pytest.mark.parametrize(
  ("kind", "scores", "message"),
  [
    ("probabilities", [[-3.0, 2.0]], "from -3 to 2, not from 0 to 1: say what"),
    ("percentages", [[50.0, 250.0]], "not from 0 to 100"),
    ("sigmoids", [[0.5, 1.5]], "should return sigmoids"),
    ("classes", [[0.5, 0.5]], "should return classes"),
  ],
)
def test_outputs_of_another_kind_are_refused(kind, scores, message):
  with pytest.raises(ValueError, match=message):
    read_outputs(np.array(scores), 2, kind)


def test_classes_that_are_none_are_named():
  found = read_outputs(np.array([0, 7, -1, 7, 3, -2]), 3)
  assert found.classes.tolist() == [0, -1, -1, -1, -1, -1]
  assert found.unknown == (-2, 3, 7)


def _data(labels, names=None):
  """Images whose first pixel is their class in the model's order."""
  labels = np.asarray(labels)
  images = RNG.integers(0, 9, (len(labels), 8, 8, 1)).astype(np.uint8)
  images[:, 0, 0, 0] = labels
  return ArrayImages(images, labels, class_names=names)


def _compared(path, data, *texts, **models):
  models = {
    name: ComparedModel(
      name, "here", "function", name, lambda _, __, x, f=f: f(x)
    )
    for name, f in models.items()
  }
  report = compare(
    with_output_kinds(models, texts),
    data,
    path / "out",
    families=["pixel_shift"],
  )
  return report, (path / "out" / "report.html").read_text(encoding="utf-8")


def first_pixel(images):
  return np.array([int(image[0, 0, 0]) for image in images])


def test_the_page_says_what_was_assumed(tmp_path):
  sure = np.eye(3) * 0.7 + 0.1
  models = {
    "sums": lambda x: (sure[first_pixel(x) % 3] - 0.05).round(3) + 0.05 / 3,
    "sigmoids": lambda x: 0.5 * sure[first_pixel(x) % 3],
    "said": lambda x: 0.5 * sure[first_pixel(x) % 3],
    "classes": lambda x: first_pixel(x) % 3,
  }
  report, page = _compared(
    tmp_path, _data(np.arange(30) % 3), "said=logits", **models
  )
  for name, model in report["models"].items():
    known = "as declared" if name == "said" else "detected"
    assert (
      model["output_meaning"] == f"{MEANING[model['output_kind']]} ({known})"
    )
    assert model["output_meaning"] in page
  sigmoids, said = (
    report["models"][n]["calibration"]["confidence"]
    for n in ("sigmoids", "said")
  )
  assert sigmoids == pytest.approx(0.4)
  assert said == pytest.approx(np.exp(0.4) / (np.exp(0.4) + 2 * np.exp(0.05)))


def test_a_model_that_predicts_classes_the_data_lack_is_warned_of(
  tmp_path, capsys
):
  moved = lambda images: first_pixel(images) + (first_pixel(images) == 2)
  data = _data([0, 1, 2, 0, 1, 2] * 4)
  report, page = _compared(tmp_path, data, A=moved)
  (warning,) = report["models"]["A"]["warnings"]
  assert "classes (3, " in warning
  assert "--class_names" in warning
  assert "that the data, with classes 0 to 2, lack" in page
  assert "that the data, with classes 0 to 2, lack" in capsys.readouterr().out


def test_the_number_of_scores_is_checked_against_the_classes(tmp_path):
  ten = lambda images: np.zeros((len(images), 10))
  with pytest.raises(
    ValueError, match=r"expected floats \[24, 3\].*class_names"
  ):
    _compared(tmp_path, _data([0, 1, 2] * 8), A=ten)


NAMES = ("zebra", "ant", "cat", "dog")


@pytest.mark.parametrize(
  ("own", "labels", "expected"),
  [
    (("ant", "cat", "dog"), [0, 1, 2], [1, 2, 3]),
    (("ant", "zebra"), [0, 1, 0], [1, 0, 1]),
    # Numbers are places already.
    (("0", "1", "2"), [0, 1, 2], [0, 1, 2]),
    (("1", "3"), [0, 1], [1, 3]),
  ],
)
def test_labels_are_places_among_the_names(own, labels, expected):
  found = validate_dataset(InOrder(_data(labels, own), NAMES))
  assert found.labels.tolist() == expected


@pytest.mark.parametrize(
  ("own", "message"),
  [
    (("ant", "dgo"), "lack 1 of the 2 classes .*dgo.*Is 'dgo' their 'dog'"),
    (("0", "4"), "lack 1 of the 2 classes of the data .4."),
  ],
)
def test_a_class_that_is_not_among_the_names_is_refused(own, message):
  with pytest.raises(ValueError, match=message):
    InOrder(_data([0, 1], own), NAMES)


def test_labels_that_are_unknown_or_missing_stay_so():
  images = np.zeros((3, 4, 4, 1), np.uint8)
  data = ArrayImages(images, np.array([0, 9, -1]), class_names=("dog", "ant"))
  found = validate_dataset(InOrder(data, NAMES))
  assert found.labels.tolist() == [3]
  assert found.counts == {"unknown label": 2}
  found = validate_dataset(
    InOrder(ArrayImages(images, class_names=("dog",)), NAMES)
  )
  assert found.labels is None


def test_the_order_of_the_model_is_that_of_the_names(tmp_path):
  labels = np.array([3, 1, 2] * 8)  # of dog, ant, cat
  folders = np.array(["dog", "ant", "cat"] * 8)
  _, own = np.unique(folders, return_inverse=True)
  images = _data(labels)
  path = tmp_path / "set.npz"
  pixels = np.stack([images.get(i).x for i in range(24)])
  np.savez(path, images=pixels, labels=own, class_names=["ant", "cat", "dog"])
  scores = lambda x: np.eye(4)[np.minimum(first_pixel(x), 3)] * 9 - 3
  data = open_images(str(path), names=NAMES)
  report, page = _compared(tmp_path, data, A=scores)
  assert report["models"]["A"]["risk"]["clean_accuracy"] == 100
  assert report["data"]["class_names"] == list(NAMES)
  assert report["data"]["classes_without_examples"] == ["zebra"]
  assert "no images of zebra" in page


def test_names_of_a_file_and_of_a_list(tmp_path):
  assert class_names("zebra, ant,cat") == ["zebra", "ant", "cat"]
  path = tmp_path / "names"
  for text in ("\n".join(NAMES) + "\n", json.dumps(NAMES)):
    path.write_text(text)
    assert class_names(str(path)) == list(NAMES)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("a,b,a", "'a' is repeated"),
    ("a,,b", "is empty"),
    ("[1, 2]", "a list of names"),
    ("[1, 2", "is not JSON"),
    ("", "is empty"),
  ],
)
def test_names_that_cannot_be_meant(tmp_path, text, message):
  if text.startswith("["):
    (tmp_path / "names").write_text(text)
    text = str(tmp_path / "names")
  with pytest.raises(ValueError, match=message):
    class_names(text)


def test_a_value_for_each_model():
  names = ("A", "B")
  assert per_model("output_kind", [], names) == {}
  assert per_model("output_kind", ["x"], names) == {"A": "x", "B": "x"}
  assert per_model("output_kind", ["B=y,x"], names) == {"A": "x", "B": "y"}
  assert per_model("output_kind", ["B=y"], names) == {"B": "y"}
  for texts in (["C=x"], ["x", "y"], ["A="], ["A=x,A=y"]):
    with pytest.raises(ValueError, match="--output_kind"):
      per_model("output_kind", texts, names)
