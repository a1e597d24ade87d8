"""Sections of a comparison: other images, sequences, image libraries."""

import io
import json
import os
import re
import signal

import numpy as np
import PIL.Image
import pytest
import rich.console

from experiments.compare.open_data import open_images
from experiments.compare.run import compare
from robust_jax.comparison.extra_tests.natural_shifts import NaturalShifts
from robust_jax.comparison.extra_tests.sequences import Sequences
from robust_jax.comparison.extra_tests.system_noise import SystemNoise
from robust_jax.comparison.extra_tests.table import results_table
from robust_jax.comparison.load_examples import load_examples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.predictors.stored_outputs import write_outputs
from robust_jax.comparison.report.compare_pairs import (
  compare_pairs,
  summarize_pairs,
)
from robust_jax.comparison.sequence_predictions import (
  sequence_predictions,
)
from robust_jax.corruptions.sequences.suites import IMAGENET_P, NOISE
from robust_jax.data.builders.cifar10_15k import Cifar10_15k
from robust_jax.data.readers.decode import DECODERS
from robust_jax.data.readers.imagenet_class_subsets import (
  IMAGENET_A,
  IMAGENET_O,
)
from robust_jax.data.readers.reader import Sample
from robust_jax.data.readers.resize_image import RESIZERS
from robust_jax.statistics.prediction_stability import flip_probability
from tests.unit.command_line import command_line

STEP = 25  # gray levels from one class to the next


def flat(level, size=32):
  return np.full((size, size, 3), level, np.uint8)


class Levels:
  """Images of one level each, which tells the class."""

  def __init__(self, class_names=Cifar10_15k.CLASS_NAMES, labels=range(10)):
    self.class_names, self._labels = tuple(class_names), list(labels)

  def __len__(self):
    return len(self._labels)

  def get(self, index):
    label = self._labels[index]
    return Sample(f"clean {index}", flat(STEP * (label % 10) + 12), label)


def by_level(images):
  """Scores: the class whose level is nearest."""
  levels = np.array([image.mean() for image in images]) / STEP - 0.5
  return -((levels[:, None] - np.arange(10)) ** 2)


def but_red(images):
  """Classes; those of reddish images are wrong."""
  reddish = np.array([x[..., 0].mean() > x[..., 1].mean() for x in images])
  return (by_level(images).argmax(axis=1) + reddish) % 10


def compared_model(name, predict):
  return ComparedModel(
    name, "here", "function", name, lambda _, __, x: predict(x)
  )


def compare_with(path, models, data, *extra_tests, **options):
  """Compares under next to nothing but the extra_tests."""
  return compare(
    {name: compared_model(name, model) for name, model in models.items()},
    data,
    path / "out",
    families=["pixel_shift"],
    extra_tests=extra_tests,
    **options,
  )


@pytest.fixture
def cifar(tmp_path):
  """A folder of CIFAR-10.1: 40 images, of which 10 are reddish."""
  labels = np.arange(40) % 10
  images = np.stack([flat(STEP * label + 12) for label in labels])
  images[:10, ..., 0] += 2
  np.save(tmp_path / "cifar10.1_v4_data.npy", images)
  np.save(tmp_path / "cifar10.1_v4_labels.npy", labels)
  return tmp_path


class TestNaturalShifts:
  def test_accuracy_and_differences(self, cifar):
    shifts = NaturalShifts([f"cifar10_1/v4={cifar}"])
    models = {"A": by_level, "B": but_red}
    report = compare_with(cifar, models, Levels(), shifts)
    (found,) = report["natural_shifts"]
    assert (found["name"], found["images"]) == ("cifar10_1/v4", 40)
    a, b = found["models"]["A"], found["models"]["B"]
    assert a["accuracy"]["value"] == 100 == a["clean"] == b["clean"]
    assert b["accuracy"]["value"] == 75
    assert a["accuracy"]["low"] > b["accuracy"]["high"]
    (pair,) = found["comparisons"]
    assert pair["difference"]["value"] == 25
    # McNemar: ten images, all for A.
    assert pair["p_value"] == pytest.approx(2 / 2**10)
    assert pair["verdict"] == "A better"
    # Other images: the report on the compared ones stays as it is.
    alone = compare_with(cifar, models, Levels())
    for key in ("models", "comparisons", "recommendation"):
      assert alone[key] == report[key]
    assert alone["natural_shifts"] == []
    page = (cifar / "out" / "report.html").read_text(encoding="utf-8")
    assert "Natural shifts" not in page

  def test_some_are_drawn_and_resized(self, cifar):
    shifts = NaturalShifts([f"cifar10_1/v4={cifar}"], size=8)
    shapes = set()

    def model(images):
      shapes.update(image.shape for image in images)
      return by_level(images)

    report = compare_with(cifar, {"A": model}, Levels(), shifts, num_examples=7)
    (found,) = report["natural_shifts"]
    assert (found["images"], found["available"]) == (7, 40)
    assert shapes == {(32, 32, 3), (8, 8, 3)}

  def test_interrupted_and_asked_again(self, cifar):
    sets = [f"cifar10_1/v4={cifar}", f"cifar10_c/fog_1={cifar}"]
    fog = np.stack([flat(i) for i in range(20)])
    np.save(cifar / "fog.npy", fog)
    np.save(cifar / "labels.npy", np.zeros(20, int))
    evaluated = []

    def model(images, stop=True):
      evaluated.append(len(images))
      if stop and len(images) == 40:
        os.kill(os.getpid(), signal.SIGINT)
      return by_level(images)

    assert (
      compare_with(cifar, {"A": model}, Levels(), NaturalShifts(sets)) is None
    )
    assert evaluated[-1] == 40  # nothing after it
    before = len(evaluated)
    again = lambda images: model(images, stop=False)
    report = compare_with(cifar, {"A": again}, Levels(), NaturalShifts(sets))
    assert [found["images"] for found in report["natural_shifts"]] == [40, 4]
    # Clean images are looked at again; the batch that was interrupted is lost.
    assert evaluated[before:] == [10, 10, 40, 4]
    assert compare_with(
      cifar, {"A": again}, Levels(), NaturalShifts(sets)
    ) == report | {"seconds": pytest.approx(0, abs=60)}
    assert evaluated[before + 4 :] == [10, 10, 40, 4]
    # With other weights, all of it is evaluated again.
    other = lambda images: 2 * model(images, stop=False)
    compare_with(cifar, {"A": other}, Levels(), NaturalShifts(sets))
    assert evaluated[before + 8 :].count(40) == 2

  def test_classes_of_a_subset_compete_alone(self, tmp_path):
    for place in range(200):
      (tmp_path / f"n{10_000 + place}").mkdir()
    for place in (0, 4, 199):
      file = tmp_path / f"n{10_000 + place}" / "a.png"
      PIL.Image.fromarray(flat(place, 8)).save(file)
    stranger = next(i for i in range(1000) if i not in IMAGENET_A)

    def model(images):
      scores = np.zeros((len(images), 1000))
      for row, image in zip(scores, images, strict=True):
        row[IMAGENET_A[min(image[0, 0, 0], 199)]] = 1
        row[stranger] = 2
      return scores

    labels = [stranger] * 8 + [IMAGENET_A[0]] * 2
    data = Levels(map(str, range(1000)), labels)

    def silent(images):
      first = np.array([image[0, 0, 0] == 0 for image in images])
      return np.where(first[:, None], np.nan, model(images))

    models = {
      "scores": model,
      "classes": lambda x: model(x).argmax(axis=1),
      "silent": silent,
    }
    shifts = NaturalShifts([f"imagenet_a={tmp_path}"])
    report = compare_with(tmp_path, models, data, shifts)
    (found,) = report["natural_shifts"]
    scores, classes, silenced = found["models"].values()
    assert found["classes"] == 200
    assert scores["restricted"]
    assert not classes["restricted"]
    assert scores["accuracy"]["value"] == 100
    assert classes["accuracy"]["value"] == 0
    # Of the compared images eight are right, and the two of its classes wrong.
    assert report["models"]["scores"]["risk"]["clean_accuracy"] == 80
    assert scores["clean"] == 0
    # No prediction is wrong, though the first class is right there.
    assert silenced["missing"] == 1
    assert silenced["accuracy"]["value"] == pytest.approx(200 / 3)

  def test_several_labels_may_be_right(self, tmp_path):
    sets = [[3], [], [7, 8], [9]]
    (tmp_path / "real.json").write_text(json.dumps(sets))
    for number in (1, 2, 3, 4):
      file = tmp_path / f"ILSVRC2012_val_{number:08}.png"
      PIL.Image.fromarray(flat(number, 8)).save(file)
    right = {1: 3, 3: 7, 4: 9}
    predict = lambda x: np.array([right.get(int(i.mean()), 8) for i in x])
    models = {"A": predict, "eight": lambda x: np.full(len(x), 8)}
    data = Levels(map(str, range(1000)), [8] * 4)
    shifts = NaturalShifts([f"imagenet_real={tmp_path}"])
    fraction = lambda found, name: found["models"][name]["accuracy"]["value"]
    (found,) = compare_with(tmp_path, models, data, shifts)["natural_shifts"]
    assert found["images"] == 3
    assert fraction(found, "A") == 100
    assert fraction(found, "eight") == pytest.approx(100 / 3)
    # Whichever are drawn, labels are those of the images.
    report = compare_with(tmp_path, models, data, shifts, num_examples=2)
    (found,) = report["natural_shifts"]
    assert (found["images"], found["available"]) == (2, 3)
    assert fraction(found, "A") == 100

  def test_frames_flip(self, tmp_path):
    levels = np.full((6, 5), 12)
    levels[0, 3:] += STEP  # one change in four steps
    frames = np.broadcast_to(levels[..., None, None, None], (6, 5, 32, 32, 3))
    for name in ("tilt", "gaussian_noise_2"):
      np.save(tmp_path / f"{name}.npy", frames.astype(np.uint8))
    sets = [f"cifar10_p/{n}={tmp_path}" for n in ("tilt", "gaussian_noise_2")]
    models = {"A": by_level, "constant": lambda x: np.zeros(len(x), int)}
    data = Levels(labels=[0] * 4)
    report = compare_with(tmp_path, models, data, NaturalShifts(sets))
    tilt, noise = report["natural_shifts"]
    flips = lambda found: found["models"]["A"]["flip_probability"]["value"]
    assert flips(tilt) == pytest.approx(100 / 4 / 6)
    # Of noise, each frame is held against the first.
    assert flips(noise) == pytest.approx(100 * 2 / 4 / 6)
    constant = tilt["models"]["constant"]["flip_probability"]
    assert constant["value"] == constant["low"] == 0 < constant["high"]
    # Sequences are drawn whole.
    some = NaturalShifts(sets[:1])
    report = compare_with(tmp_path, models, data, some, num_examples=4)
    (found,) = report["natural_shifts"]
    assert (found["images"], found["available"]) == (20, 6)

  def test_unknown_images_are_told_from_known_ones(self, tmp_path):
    for i in range(4):
      (tmp_path / "set" / f"n{i}").mkdir(parents=True)
      file = tmp_path / "set" / f"n{i}" / "a.png"
      PIL.Image.fromarray(flat(250 + i, 8)).save(file)
    known = IMAGENET_O[0]

    def model(images):
      scores = np.zeros((len(images), 1000))
      scores[:, known] = [5 if x.mean() < 250 else 1 for x in images]
      return scores

    data = Levels(map(str, range(1000)), [known] * 5)
    models = {"A": model, "classes": lambda x: model(x).argmax(axis=1)}
    shifts = NaturalShifts([f"imagenet_o={tmp_path / 'set'}"])
    (found,) = compare_with(tmp_path, models, data, shifts)["natural_shifts"]
    assert found["models"]["A"]["outliers"]["auroc"] == 100
    assert found["models"]["A"]["outliers"]["base_rate"] == 100 * 4 / 9
    assert found["models"]["classes"]["outliers"] is None
    strange = Levels(map(str, range(1000)), [IMAGENET_O[-1] + 1] * 5)
    with pytest.raises(ValueError, match="the data have none"):
      compare_with(tmp_path, models, strange, shifts)

  @pytest.mark.parametrize(
    ("class_names", "message"),
    [
      (Cifar10_15k.CLASS_NAMES[:9], "has 10 classes .* the data 9 classes"),
      (Cifar10_15k.CLASS_NAMES[::-1], "the same classes in the same order"),
    ],
  )
  def test_other_classes_are_refused(self, cifar, class_names, message):
    data = Levels(class_names, range(9))
    shifts = NaturalShifts([f"cifar10_1/v4={cifar}"])
    with pytest.raises(ValueError, match=message):
      compare_with(cifar, {"A": lambda x: 1 / 0}, data, shifts)

  def test_who_is_not_here_cannot_be_asked(self, cifar):
    path = cifar / "stored.npz"
    write_outputs(path, ["clean 0"], {CLEAN: np.zeros(1, int)})
    stored = ComparedModel("S", "file", "stored outputs", "S", lambda *_: 1 / 0)
    shifts = NaturalShifts([f"cifar10_1/v4={cifar}"])
    with pytest.raises(ValueError, match="'S' has stored outputs"):
      compare({"S": stored}, Levels(), cifar / "out", extra_tests=[shifts])


class Noisy:
  """40 images of two shapes, the class is whether the middle is bright."""

  class_names = ("dark", "bright")

  def __init__(self, order=range(40)):
    self._order = list(order)

  def __len__(self):
    return len(self._order)

  def get(self, index):
    number = self._order[index]
    rng = np.random.default_rng(number)
    image = rng.integers(0, 60, (12 + 3 * (number % 2), 12, 1), np.uint8)
    image[5:8, 5:8] += np.uint8(120 * (number // 2 % 2))
    return Sample(f"noisy {number}", image, number // 2 % 2)


def middle(images):
  """Probabilities, from the pixel in the middle."""
  bright = np.array([image[6, 6, 0] for image in images]) / 255
  return np.stack([1 - bright, bright], axis=1)


def near(images):
  """Classes, from the pixel beside it."""
  return np.array([image[6, 7, 0] > 50 for image in images]).astype(int)


class TestSequences:
  NAMES = ("translate", "gaussian_noise")

  def test_flips_are_those_of_the_function(self, tmp_path):
    models = {"A": middle, "B": near, "constant": lambda x: 0 * near(x)}
    report = compare_with(tmp_path, models, Noisy(), Sequences(self.NAMES))
    found = report["sequences"]
    assert found["baseline"] == "B"
    for name in self.NAMES:
      expected = []
      for images in load_examples(Noisy()).groups:
        outputs = sequence_predictions(
          near, images.inputs, name, 2, ids=images.numbers
        )
        noise = name in NOISE
        expected += flip_probability(outputs, noise=noise).tolist()
      value = found["models"]["B"]["sequences"][name]["value"]
      assert value == pytest.approx(100 * np.mean(expected))
      assert value > 0
    a, b, constant = found["models"].values()
    assert b["mfr"] == 100 == b["flip_rates"]["translate"]
    values = [a["sequences"][name]["value"] for name in self.NAMES]
    assert a["mean"]["value"] == pytest.approx(np.mean(values))
    assert constant["mean"]["value"] == constant["mfr"] == 0
    assert constant["mean"]["high"] > 0
    verdicts = {(p["a"], p["b"]): p["verdict"] for p in found["comparisons"]}
    assert verdicts["B", "constant"] == "B better"

  def test_the_order_of_images_does_not_matter(self, tmp_path):
    reports = [
      compare_with(
        tmp_path / f"{i}", {"A": near}, Noisy(order), Sequences(self.NAMES)
      )
      for i, order in enumerate((range(40), range(39, -1, -1)))
    ]
    first, second = (r["sequences"]["models"]["A"] for r in reports)
    for name in self.NAMES:
      values = (m["sequences"][name]["value"] for m in (first, second))
      assert next(values) == pytest.approx(next(values))

  def test_interrupted_and_asked_again(self, tmp_path):
    evaluated = []

    def model(images, stop=True):
      evaluated.append(len(images))
      # 16 images of 16 frames each are two batches; the third and the fourth
      # one are of the second shape.
      if stop and sum(n == 128 for n in evaluated) == 4:
        os.kill(os.getpid(), signal.SIGINT)
      return near(images)

    extra_tests = Sequences(["translate"])
    assert compare_with(tmp_path, {"A": model}, Noisy(), extra_tests) is None
    again = lambda images: model(images, stop=False)
    evaluated.clear()
    report = compare_with(tmp_path, {"A": again}, Noisy(), extra_tests)
    # Images to know it by, and the frames that are not evaluated.
    assert evaluated == [20, 20, 128, 64]
    fresh = compare_with(tmp_path / "fresh", {"A": again}, Noisy(), extra_tests)
    assert fresh["sequences"] == report["sequences"]

  def test_missing_predictions_are_counted(self, tmp_path):
    def model(images):
      scores = middle(images)
      dark = scores[:, 1] < 0.02
      return np.where(dark[:, None], np.nan, scores)

    report = compare_with(
      tmp_path, {"A": model}, Noisy(), Sequences(["translate"])
    )
    assert report["sequences"]["models"]["A"]["missing"] > 0

  def test_the_ten_of_the_benchmark(self):
    assert Sequences(["imagenet_p"]).names == IMAGENET_P
    assert Sequences(["spatter", "imagenet_p", "tilt"]).names == (
      "spatter",
      *IMAGENET_P,
    )


def stripes(number):
  """Bright with fine stripes, or dark: nearest-neighbor sees no stripe."""
  image = np.full((32, 32), 90 + number, np.uint8)
  if number % 2:
    image[:, 1::4] = 250
  return image


@pytest.fixture
def files(tmp_path):
  """Eight gray PNGs in two folders."""
  for number in range(8):
    folder = tmp_path / "files" / ("dark", "bright")[number % 2]
    folder.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(stripes(number)).save(folder / f"{number}.png")
  return tmp_path / "files"


def is_dark(images):
  """Scores of bright and dark, as folders are in the order of letters."""
  means = np.array([image.mean() for image in images])
  return np.stack([means - 105, 105 - means], axis=1)


class TestSystemNoise:
  def test_libraries_change_predictions(self, tmp_path, files):
    data = open_images(str(files), size=8)
    models = {"A": is_dark, "dark": lambda x: np.ones(len(x), int)}
    report = compare_with(tmp_path, models, data, SystemNoise(files, 8))
    found = report["system_noise"]
    a, dark = found["models"].values()
    assert found["reference"] == ["pillow", "pillow_bilinear"]
    row = dict(zip(found["resizers"], a["changed"][0], strict=True))
    assert row["pillow_bilinear"] == row["pillow_box"] == 0
    # One pixel in four is looked at, and no stripe seen.
    assert row["pillow_nearest"] == 50 == a["most_changed"]
    place = found["resizers"].index("pillow_nearest")
    assert a["accuracy"][0][place] == 50 == a["accuracies"]["least"]
    assert a["accuracy"][0][0] == 100
    others = np.array(a["changed"]).ravel()[1:]
    assert a["mean_changed"]["value"] == pytest.approx(others.mean())
    assert dark["most_changed"] == 0 == dark["mean_changed"]["value"]
    there = {*found["decoders"], *found["resizers"]}
    assert there | set(found["missing"]) == {*DECODERS, *RESIZERS}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert ("not installed" in page) == bool(found["missing"])

  def test_libraries_of_training_see_what_is_compared(self, tmp_path, files):
    seen = []

    def model(images):
      seen.append(np.stack(images))
      return is_dark(images)

    data = open_images(str(files), size=8)
    compare_with(tmp_path, {"A": model}, data, SystemNoise(files, 8))
    # Clean and 28 changes of it come before.
    np.testing.assert_array_equal(seen[0], seen[29])
    assert len(seen) > 29 + 5

  def test_interrupted_and_asked_again(self, tmp_path, files):
    evaluated = []

    def model(images, stop=True):
      evaluated.append(len(images))
      if stop and len(evaluated) == 31:
        os.kill(os.getpid(), signal.SIGINT)
      return is_dark(images)

    data = open_images(str(files), size=8)
    assert (
      compare_with(tmp_path, {"A": model}, data, SystemNoise(files, 8)) is None
    )
    evaluated.clear()
    again = lambda images: model(images, stop=False)
    report = compare_with(tmp_path, {"A": again}, data, SystemNoise(files, 8))
    found = report["system_noise"]
    ways = len(found["decoders"]) * len(found["resizers"])
    # A look at images of two cases, and what was not evaluated before.
    assert len(evaluated) == 2 + ways - 1

  def test_a_size_is_needed(self, files):
    with pytest.raises(ValueError, match="expected --image_size"):
      SystemNoise(files, None)

  def test_images_without_files_are_refused(self, tmp_path, files):
    data = open_images(str(files), size=8)
    with pytest.raises(ValueError, match="there is no file 'bright"):
      compare_with(
        tmp_path, {"A": lambda x: 1 / 0}, data, SystemNoise(tmp_path, 8)
      )


MODULE = """
import numpy as np

def model(images):
  raise AssertionError("evaluated")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
  """A folder with a model that must not be evaluated, and data."""
  (tmp_path / "one_model.py").write_text(MODULE)
  samples = [Levels().get(i) for i in range(10)]
  np.savez(
    tmp_path / "levels.npz",
    images=[s.x for s in samples],
    labels=[s.label for s in samples],
    class_names=Cifar10_15k.CLASS_NAMES,
  )
  monkeypatch.syspath_prepend(tmp_path)
  return tmp_path


def run(here, *more):
  """The command in this process: its exit status."""
  arguments = ["compare", "--models=A=one_model:model", f"--out={here / 'out'}"]
  arguments.append(f"--data={here / 'levels.npz'}")
  return command_line(*arguments, *more)


@pytest.mark.parametrize(
  ("more", "message"),
  [
    (["--natural_shifts=imagenet_z"], "expected one of imagenet_a"),
    (["--natural_shifts=cifar10_c/fog_3=/no/where"], "is not a folder"),
    (["--natural_shifts=cifar10_c"], "has many parts"),
    (["--natural_shifts=imagenet_o"], "TFDS has no 'imagenet_o'"),
    (["--natural_shifts=cifar10_1/="], "expected NAME[/PART][=FOLDER]"),
    (["--system_noise"], "is not a folder"),
    (["--sequences=tilt,tlit"], "did you mean 'tilt'"),
    (["--natural_shifts=cifar10_1"] * 2, "'cifar10_1' is repeated"),
  ],
)
def test_one_clear_error_before_anything_is_asked(here, capsys, more, message):
  assert run(here, *more) == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert message in line


@pytest.mark.parametrize("num_models", [1, 2, 3, 7])
def test_sentences_tell_each_difference_once(num_models):
  rng = np.random.default_rng(num_models)
  values = {
    name: rng.random(300) < flips
    for name, flips in zip(
      "abcdefg"[:num_models], [0.1, 0.3, 0.3, 0.5, 0.5, 0.5, 0.9], strict=False
    )
  }
  pairs = compare_pairs(
    values, "flip rate", less_is_better=True, level=0.95, seed=0
  )
  said = summarize_pairs(pairs) if pairs else []
  assert len(said) <= max(4, num_models)
  significant = set()
  for said_of in said:
    if found := re.match(r"(\w) is better than (.+) in flip rate", said_of):
      significant |= {
        (found[1], name) for name in re.split(", | and ", found[2])
      }
    elif found := re.match(r"The .+ of (\w) is less than .+ of (\w),", said_of):
      significant |= {(found[1], found[2])}
    else:
      assert "differ significantly in flip rate" in said_of or len(pairs) == 1
  won = [p for p in pairs if p["verdict"] == "A better"]
  lost = [p for p in pairs if p["verdict"] == "B better"]
  assert significant == {(p["a"], p["b"]) for p in won} | {
    (p["b"], p["a"]) for p in lost
  }


def test_a_table_of_many_models_is_folded_and_not_cut():
  names = [f"a model called {i}" for i in range(7)]
  cells = [{"value": 10.0 + i, "low": 0.0, "high": 99.0} for i in range(7)]
  table = results_table("title", "caption", names, [("mean flip rate", cells)])
  with io.StringIO() as text:
    rich.console.Console(file=text, width=80).print(table)
    shown = text.getvalue()
  assert "…" not in shown
  assert all(f"{cell['value']:.1f}" in shown for cell in cells)
