"""Natural shift sets, on small data of their schemas."""

import contextlib
import io
import json

import numpy as np
import PIL.Image
import pytest
import tensorflow_datasets as tfds

from robust_jax.data.readers import imagenet_class_subsets
from robust_jax.data.readers.natural_shift import NAMES, natural_shift
from robust_jax.data.readers.validate_dataset import validate_dataset
from robust_jax.statistics.label_sets import multilabel_accuracy
from robust_jax.statistics.prediction_stability import flip_probability

SUBSETS = {
  "imagenet_a": imagenet_class_subsets.IMAGENET_A,
  "imagenet_r": imagenet_class_subsets.IMAGENET_R,
  "imagenet_o": imagenet_class_subsets.IMAGENET_O,
}


def flat(level, height=5, width=7, channels=3):
  return np.full((height, width, channels), level, np.uint8)


def save(path, level):
  path.parent.mkdir(parents=True, exist_ok=True)
  PIL.Image.fromarray(flat(level)).save(path)


def all_of(dataset):
  return [dataset.get(i) for i in range(len(dataset))]


def test_subsets_are_indices_in_order():
  for classes in SUBSETS.values():
    assert len(classes) == 200
    assert list(classes) == sorted(set(classes))
    assert 0 <= classes[0] < classes[-1] < 1000
  # ImageNet-A and -R share classes; -O was made apart.
  assert len(set(SUBSETS["imagenet_a"]) & set(SUBSETS["imagenet_r"])) > 50


@pytest.mark.parametrize("name", ["imagenet_a", "imagenet_r"])
def test_folders_of_a_subset_have_labels_of_imagenet(name, tmp_path):
  for place in range(200):
    (tmp_path / f"n{10_000 + place}").mkdir()
  for place in (0, 3, 199):
    save(tmp_path / f"n{10_000 + place}" / "a.png", place)
  shift = natural_shift(name, tmp_path)
  assert shift.classes == SUBSETS[name]
  labels = [sample.label for sample in all_of(shift.dataset)]
  assert labels == [shift.classes[place] for place in (0, 3, 199)]
  assert len(shift.dataset.class_names) == 1000
  assert validate_dataset(shift.dataset).problems == ()
  (tmp_path / "n9").mkdir()
  with pytest.raises(ValueError, match="has 201 folders: expected 200"):
    natural_shift(name, tmp_path)


def test_imagenet_o_has_no_labels(tmp_path):
  save(tmp_path / "n1" / "a.png", 5)
  shift = natural_shift("imagenet_o", tmp_path)
  assert shift.classes == SUBSETS["imagenet_o"]
  assert validate_dataset(shift.dataset).labels is None


def test_folders_of_v2_are_numbers(tmp_path):
  for number in ("2", "10", "999"):
    save(tmp_path / number / "a.png", 1)
  shift = natural_shift("imagenet_v2", tmp_path)
  found = {s.id: s.label for s in all_of(shift.dataset)}
  assert found == {"2/a.png": 2, "10/a.png": 10, "999/a.png": 999}


def test_sketch_has_all_classes(tmp_path):
  save(tmp_path / "n1" / "a.png", 1)
  with pytest.raises(ValueError, match="has 1 folders: expected 1000"):
    natural_shift("imagenet_sketch", tmp_path)


def test_real_has_sets_of_labels(tmp_path):
  sets = [[3], [], [7, 8], [9]]
  (tmp_path / "real.json").write_text(json.dumps(sets))
  for number in (1, 2, 3):
    save(tmp_path / "val" / f"ILSVRC2012_val_{number:08}.png", number)
  shift = natural_shift("imagenet_real", tmp_path)
  assert shift.label_sets == (frozenset({3}), frozenset({7, 8}))
  assert [s.x[0, 0, 0] for s in all_of(shift.dataset)] == [1, 3]
  right = multilabel_accuracy(np.array([3, 9]), shift.label_sets)
  assert right.tolist() == [True, False]
  assert multilabel_accuracy(np.array([3, 8]), shift.label_sets).all()
  with pytest.raises(
    ValueError, match="1 examples have no labels, example 1 first"
  ):
    multilabel_accuracy(np.array([0, 0]), [{1}, set()])
  with pytest.raises(ValueError, match=r"shape \(1,\) and 2 sets"):
    multilabel_accuracy(np.array([0]), shift.label_sets)
  (tmp_path / "real.json").write_text("[[1]")
  with pytest.raises(ValueError, match=r"no real.json that can be read"):
    natural_shift("imagenet_real", tmp_path)


def cifar(count):
  levels = np.arange(count, dtype=np.uint8)[:, None, None, None]
  return np.broadcast_to(levels, (count, 32, 32, 3))


def test_cifar10_c_is_five_severities_in_one_file(tmp_path):
  np.save(tmp_path / "fog.npy", cifar(15))
  np.save(tmp_path / "labels.npy", np.tile([4, 2, 9], 5))
  shift = natural_shift("cifar10_c", tmp_path, part="fog_2")
  samples = all_of(shift.dataset)
  assert [s.x[0, 0, 0] for s in samples] == [3, 4, 5]
  assert [s.label for s in samples] == [4, 2, 9]
  assert shift.dataset.class_names[9] == "truck"
  with pytest.raises(ValueError, match="a corruption and a severity"):
    natural_shift("cifar10_c", tmp_path, part="fog")
  np.save(tmp_path / "snow.npy", cifar(14))
  with pytest.raises(ValueError, match="has 14 images: expected a multiple"):
    natural_shift("cifar10_c", tmp_path, part="snow_1")
  with pytest.raises(ValueError, match=r"frost.npy cannot be read as .npy"):
    natural_shift("cifar10_c", tmp_path, part="frost_1")


def test_cifar10_p_is_frame_after_frame(tmp_path):
  np.save(tmp_path / "tilt.npy", cifar(8).reshape(2, 4, 32, 32, 3))
  shift = natural_shift("cifar10_p", tmp_path, part="tilt")
  samples = all_of(shift.dataset)
  assert (shift.frames, len(samples)) == (4, 8)
  assert samples[5].id == "1/1"
  assert samples[5].label is None
  levels = np.array([s.x[0, 0, 0] for s in samples], int)
  # An answer that changes once, in the middle of the second sequence.
  answers = (levels >= 6).astype(int).reshape(-1, shift.frames)
  np.testing.assert_allclose(flip_probability(answers), [0, 1 / 3])


def test_other_arrays(tmp_path):
  np.save(tmp_path / "cifar10.1_v4_data.npy", cifar(3))
  np.save(tmp_path / "cifar10.1_v4_labels.npy", np.arange(3))
  shift = natural_shift("cifar10_1", tmp_path, part="v4")
  assert [s.label for s in all_of(shift.dataset)] == [0, 1, 2]
  (tmp_path / "fog").mkdir()
  np.save(tmp_path / "fog/test_images.npy", cifar(3)[:, :28, :28, :1])
  np.save(tmp_path / "fog/test_labels.npy", np.array([7, 1, 1]))
  shift = natural_shift("mnist_c", tmp_path, part="fog")
  assert shift.dataset.get(0).x.shape == (28, 28, 1)
  assert [s.label for s in all_of(shift.dataset)] == [7, 1, 1]


def picture(level, **size):
  file = io.BytesIO()
  PIL.Image.fromarray(flat(level, **size)).save(file, "png")
  file.seek(0)
  return file


# The official builder, its split, and rows of its own schema.
OFFICIAL = {
  "cifar10_1": (
    "cifar10_1/v6",
    "test",
    lambda i: {"image": picture(i, height=32, width=32), "label": i},
  ),
  "imagenet_a": (
    "imagenet_a",
    "test",
    lambda i: {
      "image": picture(i, height=9 + i),
      "label": 6 + i,
      "file_name": f"{i}.jpg",
    },
  ),
  "imagenet_real": (
    "imagenet2012_real",
    "validation",
    lambda i: {
      "image": picture(i),
      "original_label": i,
      "real_label": list(range(i)),
      "file_name": f"{i}.jpg",
    },
  ),
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
  """Three examples of each, as the official builders would have written."""
  path = str(tmp_path_factory.mktemp("tfds"))
  for name, split, row in OFFICIAL.values():
    stem, _, config = name.partition("/")
    official = tfds.builder_cls(stem)
    rows = [(i, row(i)) for i in range(3)]

    class Small(official, skip_registration=True):
      name = official.name
      code_path = None  # looked up by a package that TFDS does not install

      def _split_generators(self, dl_manager, split=split, rows=rows):
        return {split: iter(rows)}

    with contextlib.redirect_stdout(io.StringIO()):
      builder = Small(data_dir=path, config=config or None)
      builder.download_and_prepare(file_format="array_record")
  return path


def test_tfds_has_images_of_any_size(data_dir):
  shift = natural_shift("imagenet_a", data_dir=data_dir)
  found = {s.id: (s.label, s.x.shape[0]) for s in all_of(shift.dataset)}
  assert found == {"0.jpg": (6, 9), "1.jpg": (7, 10), "2.jpg": (8, 11)}
  assert shift.classes == SUBSETS["imagenet_a"]


def test_tfds_has_names_and_places_for_ids(data_dir):
  shift = natural_shift("cifar10_1", data_dir=data_dir)
  samples = all_of(shift.dataset)
  assert [s.id for s in samples] == [f"cifar10_1/v6/{i}" for i in range(3)]
  assert all(s.x[0, 0, 0] == s.label for s in samples)


def test_tfds_leaves_images_without_labels_out(data_dir):
  shift = natural_shift("imagenet_real", data_dir=data_dir)
  levels = [s.x[0, 0, 0] for s in all_of(shift.dataset)]
  assert sorted(levels) == [1, 2]
  sets = [frozenset(range(level)) for level in levels]
  assert shift.label_sets == tuple(sets)


def test_what_cannot_be_had_is_said(tmp_path):
  for name, path, part, message in (
    ("imagenet_c", None, None, "expected one of imagenet_a, "),
    ("imagenet_o", None, None, "TFDS has no 'imagenet_o': give the folder"),
    ("mnist_c", None, None, "'mnist_c' has many parts: name one"),
    ("imagenet_a", None, "fog", "'imagenet_a' has no parts"),
    ("imagenet_a", tmp_path / "no", None, "is not a folder"),
    ("cifar10_c", None, "fog_3", "not prepared in .*run .*launch.sh data"),
  ):
    with pytest.raises(ValueError, match=message):
      natural_shift(name, path, part=part, data_dir=str(tmp_path))
  assert len(NAMES) == 10
