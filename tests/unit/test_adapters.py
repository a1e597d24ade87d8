"""Datasets and models of others: read as they are, refused by name."""

import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest
import scipy.special

from robust_jax.comparison.predictors.jax_predictor import jax_predictor
from robust_jax.comparison.predictors.predict import predict_batches
from robust_jax.comparison.predictors.read_outputs import read_outputs
from robust_jax.comparison.predictors.stored_outputs import (
  StoredOutputs,
  write_outputs,
)
from robust_jax.data.images import image_dataset
from robust_jax.data.readers.dataset_images import DatasetImages
from robust_jax.data.readers.image_folder import ImageFolder
from robust_jax.data.readers.npz_images import NpzImages
from robust_jax.data.readers.reader import Sample
from robust_jax.data.readers.validate_dataset import validate_dataset
from robust_jax.statistics.outcomes import (
  INVARIANCE_TESTS,
  Condition,
  from_predictions,
)
from robust_jax.statistics.risk import risk

GRAY = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
COLOR = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


def _save(path, image):
  path.parent.mkdir(parents=True, exist_ok=True)
  picture = image[..., 0] if image.shape[-1] == 1 else image
  PIL.Image.fromarray(picture).save(path)


def test_pictures_of_a_folder(tmp_path):
  _save(tmp_path / "cat" / "one.png", COLOR)
  _save(tmp_path / "ant" / "deep" / "two.PNG", GRAY)
  (tmp_path / "ant" / "notes.txt").write_text("no picture")
  (tmp_path / "list.csv").write_text("not a class")
  folder = ImageFolder(tmp_path)
  assert folder.class_names == ("ant", "cat")
  assert len(folder) == 2
  two, one = folder.get(0), folder.get(1)
  assert (two.id, two.label) == ("ant/deep/two.PNG", 0)
  assert (one.id, one.label) == ("cat/one.png", 1)
  np.testing.assert_array_equal(one.x, COLOR)
  np.testing.assert_array_equal(two.x, np.repeat(GRAY, 3, axis=2))
  gray = ImageFolder(tmp_path, mode="L")
  np.testing.assert_array_equal(gray.get(0).x, GRAY)


def test_folders_of_numbers_are_in_the_order_of_numbers(tmp_path):
  for name in ("10", "9", "0"):
    _save(tmp_path / name / "a.png", GRAY)
  folder = ImageFolder(tmp_path)
  assert folder.class_names == ("0", "9", "10")


def test_a_picture_stands_upright(tmp_path):
  exif = PIL.Image.Exif()
  exif[0x0112] = 6  # turn a quarter clockwise
  (tmp_path / "a").mkdir()
  picture = PIL.Image.fromarray(GRAY[..., 0])
  picture.save(tmp_path / "a" / "a.png", exif=exif)
  found = ImageFolder(tmp_path, mode="L").get(0).x[..., 0]
  np.testing.assert_array_equal(found, np.rot90(GRAY[..., 0], -1))


def test_what_cannot_be_used_is_named_and_counted(tmp_path):
  _save(tmp_path / "cat" / "good.png", COLOR)
  whole = (tmp_path / "cat" / "good.png").read_bytes()
  (tmp_path / "cat" / "half.png").write_bytes(whole[: len(whole) // 2])
  (tmp_path / "cat" / "text.jpg").write_text("no picture")
  _save(tmp_path / "dog" / "dog.png", COLOR)
  found = validate_dataset(ImageFolder(tmp_path, class_names=["ant", "cat"]))
  assert found.ids == ("cat/good.png",)
  assert found.indices.tolist() == [0]
  assert found.labels.tolist() == [1]
  assert found.counts == {"unreadable example": 2, "unknown label": 1}
  assert [p.index for p in found.problems] == [1, 2, 3]
  assert found.problems[2].id == "dog/dog.png"
  assert "expected 0..1" in found.problems[2].message


@pytest.mark.parametrize(
  ("files", "options", "message"),
  [
    ([], {}, "no folders in it"),
    (["a/notes.txt"], {}, "no pictures in them"),
    (["a/a.png"], {"mode": "RGBA"}, "expected 'RGB' or 'L'"),
    (["a/a.png"], {"class_names": ["a", "a"]}, "each name once"),
  ],
)
def test_folders_that_cannot_be_meant(tmp_path, files, options, message):
  for name in files:
    path = tmp_path / name
    path.parent.mkdir()
    path.write_text("")
  with pytest.raises(ValueError, match=message):
    ImageFolder(tmp_path, **options)
  with pytest.raises(ValueError, match="is not a folder"):
    ImageFolder(tmp_path / "nowhere")


class _Listed:
  """A dataset of a user's own."""

  def __init__(self, samples, class_names=("ant", "cat")):
    self._samples = samples
    self.class_names = class_names

  def __len__(self):
    return len(self._samples)

  def get(self, index):
    return self._samples[index]


@pytest.mark.parametrize(
  ("sample", "kind", "message"),
  [
    (Sample("a", COLOR, 0), "duplicate id", "example 0 has the same id"),
    (Sample("b", COLOR, 2), "unknown label", "label 2: expected 0..1"),
    (Sample("b", COLOR, -1), "unknown label", "label -1"),
    (Sample("b", COLOR, None), "unknown label", "no label"),
    (Sample("b", COLOR, "cat"), "unknown label", "label 'cat'"),
    (Sample("b", COLOR / 255, 0), "not an image", "float64"),
    (Sample("b", COLOR[..., 0], 0), "not an image", r"(2, 2)"),
    (Sample("b", COLOR[..., :2], 0), "not an image", "C = 1 or 3"),
    (Sample("b", COLOR[:0], 0), "not an image", "no pixels"),
    (Sample("b", None, 0), "not an image", "NoneType"),
    (None, "unreadable example", "TypeError"),
  ],
)
def test_one_bad_example_of_many(sample, kind, message):
  good = [Sample("a", COLOR, 0), Sample("z", GRAY, np.int64(1))]
  found = validate_dataset(_Listed([good[0], sample, good[1]]))
  assert found.ids == ("a", "z")
  (problem,) = found.problems
  assert (problem.index, problem.kind) == (1, kind)
  assert message in problem.message


def test_a_data_set_may_have_no_labels():
  found = validate_dataset(
    _Listed([Sample("a", GRAY, None), Sample("b", GRAY, None)])
  )
  assert found.labels is None
  assert found.problems == ()


def test_a_data_set_of_nothing_is_refused():
  with pytest.raises(ValueError, match=r"none of the 1 .*: unknown label, la"):
    validate_dataset(_Listed([Sample("a", GRAY, 7)]))
  with pytest.raises(ValueError, match="none of the 0 examples"):
    validate_dataset(_Listed([]))


def test_arrays_of_a_file(tmp_path):
  path = tmp_path / "set.npz"
  images = np.stack([GRAY[..., 0]] * 3)
  np.savez(path, images=images, labels=[2, 0, 1])
  found = validate_dataset(NpzImages(path))
  assert found.ids == ("0", "1", "2")
  assert found.labels.tolist() == [2, 0, 1]
  np.testing.assert_array_equal(NpzImages(path).get(1).x, GRAY)
  assert NpzImages(path).class_names == ("0", "1", "2")
  np.savez(path, images=images, ids=["x", "y", "x"])
  found = validate_dataset(NpzImages(path, class_names=["ant"]))
  assert found.labels is None
  assert found.counts == {"duplicate id": 1}


@pytest.mark.parametrize(
  ("arrays", "message"),
  [
    ({"x": GRAY}, "expected 'images'"),
    ({"images": GRAY[None] / 255}, "float64 of shape"),
    ({"images": GRAY[None], "labels": [0, 1]}, r"expected \[1\]"),
    ({"images": GRAY[None], "labels": [0.5]}, "expected integers"),
    ({"images": GRAY[None]}, "expected class_names"),
    ({"images": np.array([None])}, "cannot be read"),
  ],
)
def test_files_that_cannot_be_meant(tmp_path, arrays, message):
  path = tmp_path / "set.npz"
  np.savez(path, **arrays)
  with pytest.raises(ValueError, match=message):
    NpzImages(path)


def test_a_file_that_is_none_of_arrays(tmp_path):
  path = tmp_path / "set.npz"
  for content in (b"", b"PK\x03\x04 cut off", b"text"):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read as"):
      NpzImages(path)
  np.save(tmp_path / "one.npy", GRAY)
  with pytest.raises(ValueError, match="cannot be read as"):
    NpzImages(tmp_path / "one.npy")
  with pytest.raises(ValueError, match="cannot be read as"):
    NpzImages(tmp_path / "none.npz")


def test_a_data_set_by_name():
  read_pairs = lambda rows: [(GRAY, 2)] * len(rows)
  dataset = image_dataset("twos", (2, 3, 1), 3, 2, read_pairs)
  found = validate_dataset(DatasetImages(dataset))
  assert found.ids == ("twos/0", "twos/1")
  assert found.labels.tolist() == [2, 2]
  with pytest.raises(ValueError, match="2 class names for 3 classes"):
    image_dataset("twos", (2, 3, 1), 3, 2, read_pairs, class_names=["a", "b"])


def _brightness(images):
  return np.array([[i.mean(), 5.0] for i in images], np.float32)


def test_a_function_of_images_is_asked_in_batches():
  images = [GRAY + i for i in range(7)] + [COLOR]
  sizes = []

  def predict(batch):
    sizes.append(len(batch))
    return _brightness(batch)

  answers = predict_batches(predict, images, 2, batch_size=3)
  np.testing.assert_array_equal(answers, _brightness(images))
  assert sizes == [3, 3, 2]


def test_a_jax_model_answers_images_of_several_sizes_in_their_order():
  def logits_fn(x):
    mean = x.mean(axis=(1, 2, 3))
    return jnp.stack([255 * mean, jnp.full_like(mean, 5)], axis=1)

  images = [GRAY, COLOR, GRAY + 1, COLOR + 7, GRAY + 5]
  answers = predict_batches(jax_predictor(logits_fn), images, 2)
  # Means of up to 255 in float32.
  np.testing.assert_allclose(answers, _brightness(images), rtol=1e-5)


@pytest.mark.parametrize(
  ("answer", "message"),
  [
    (np.zeros((2, 3)), r"float64 of shape \(2, 3\) for 1 examples"),
    (np.zeros((1, 2)), r"expected floats \[1, 3\]"),
    (np.zeros((1, 3), int), "int64"),
    (np.zeros(1), "float64"),
    (np.array([["cat"]]), "<U3"),
  ],
)
def test_answers_of_another_shape_are_refused(answer, message):
  with pytest.raises(ValueError, match=message):
    predict_batches(lambda images: answer, [GRAY], 3)


def test_a_model_answers_in_one_way():
  answers = iter([np.zeros((1, 3)), np.zeros(1, int)])
  with pytest.raises(ValueError, match="classes for some"):
    predict_batches(lambda images: next(answers), [GRAY, GRAY], 3, batch_size=1)
  with pytest.raises(ValueError, match="no examples"):
    predict_batches(lambda images: None, [], 3)


LOGITS = np.array([[0.0, 3.0, 1.0], [2.0, -1.0, 0.5], [0.2, 0.3, 0.5]])


def test_logits_and_their_probabilities_are_the_same_answers():
  probabilities = scipy.special.softmax(LOGITS, axis=1)
  of_logits = read_outputs(LOGITS, 3)
  of_probabilities = read_outputs(probabilities, 3)
  assert (of_logits.kind, of_probabilities.kind) == ("logits", "probabilities")
  for found in (of_logits, of_probabilities):
    assert found.classes.tolist() == [1, 0, 2]
    assert found.missing == 0
    np.testing.assert_allclose(found.probabilities, probabilities)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_answers_that_are_no_numbers_are_counted(broken):
  scores = LOGITS.copy()
  scores[1, 1] = broken
  found = read_outputs(scores, 3)
  assert found.classes.tolist() == [1, -1, 2]
  assert (found.missing, found.kind) == (1, "logits")
  assert found.probabilities[1].tolist() == [0, 0, 0]


def test_a_class_may_be_ruled_out():
  found = read_outputs(np.array([[-np.inf, 0.0], [-np.inf, -np.inf]]), 2)
  assert found.classes.tolist() == [1, -1]
  assert found.probabilities[0].tolist() == [0, 1]


def test_classes_alone():
  found = read_outputs(np.array([2, 3, 0, -1]), 3)
  assert found.classes.tolist() == [2, -1, 0, -1]
  assert (found.missing, found.kind) == (2, "classes")
  assert found.probabilities is None


@pytest.mark.parametrize(
  ("answers", "message"),
  [
    (np.zeros((2, 4)), r"shape \(2, 4\)"),
    (np.zeros(3), "float64"),
    (np.full((2, 3), np.nan), "none of 2 outputs"),
    (np.array([3, 4]), "none of 2 outputs"),
  ],
)
def test_answers_that_say_nothing_are_refused(answers, message):
  with pytest.raises(ValueError, match=message):
    read_outputs(answers, 3)


def test_stored_answers_are_found_by_id(tmp_path):
  path = tmp_path / "answers.npz"
  classes = np.array([0, 1, 2])
  write_outputs(path, ["a", "b", "c"], {"clean": LOGITS, "fog@3": classes})
  stored = StoredOutputs(path)
  assert stored.conditions == ("clean", "fog@3")
  found = stored.get("clean", ["c", "a"])
  np.testing.assert_array_equal(found, LOGITS[[2, 0]])
  assert stored.get("fog@3", ["b", "nobody"]).tolist() == [1, -1]
  found = read_outputs(stored.get("clean", ["nobody", "b"]), 3)
  assert (found.classes.tolist(), found.missing) == ([-1, 0], 1)
  with pytest.raises(ValueError, match="no outputs under 'fog@4'"):
    stored.get("fog@4", ["a"])


@pytest.mark.parametrize(
  ("arrays", "message"),
  [
    ({"clean": LOGITS}, "expected 'ids' too"),
    ({"ids": ["a", "b", "a"], "clean": LOGITS}, "1 ids of .* are repeated"),
    ({"ids": ["a", "b"], "clean": LOGITS}, r"expected \[2, K\]"),
  ],
)
def test_stored_answers_that_cannot_be_meant(tmp_path, arrays, message):
  np.savez(tmp_path / "answers.npz", **arrays)
  with pytest.raises(ValueError, match=message):
    StoredOutputs(tmp_path / "answers.npz")


def test_from_images_to_a_verdict():
  # Bright is 1; a third of the images are so close that one level more counts.
  rng = np.random.default_rng(0)
  levels = np.repeat([100, 127, 200], 20)
  images = np.repeat(levels, 4).reshape(60, 2, 2, 1).astype(np.uint8)
  samples = [
    Sample(f"{i}", x, int(x[0, 0, 0] > 127)) for i, x in enumerate(images)
  ]
  found = validate_dataset(_Listed([*samples, samples[0]]))
  conditions = (
    Condition("light", "brightness", 1),
    Condition("noise", "uniform", 40),
    Condition(INVARIANCE_TESTS, "identity", 0),
  )
  views = [images + 1, images + rng.integers(-40, 41, images.shape), images]

  def logits_fn(x):
    mean = 255 * x.mean(axis=(1, 2, 3))
    return jnp.stack([jnp.full_like(mean, 127.5), mean], axis=1)

  predict = jax_predictor(logits_fn)
  answers = [
    read_outputs(predict_batches(predict, view.astype(np.uint8), 2), 2)
    for view in (images, *views)
  ]
  clean, *transformed = (a.classes for a in answers)
  report = risk(
    from_predictions(
      found.ids, clean, np.stack(transformed, axis=1), conditions, found.labels
    ),
    draws=100,
  )
  assert found.counts == {"duplicate id": 1}
  assert report.clean_accuracy == 100
  assert report.families["light"].risk.value == pytest.approx(100 / 3)
  assert report.invariance_tests["identity"].risk.value == 0
  # The mean of four pixels moves by 11.5 as a rule: about half of the near
  # third changes sides, and hardly any of those 27.5 away.
  assert 0 < report.families["noise"].risk.value < 100 / 3
