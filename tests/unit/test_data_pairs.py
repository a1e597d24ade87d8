"""Pairs of images, of folders and of datasets."""

import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from experiments.build import data as from_config
from experiments.configs.pix2pix import edges2fashion
from robust_jax.data import pairs
from robust_jax.data.builders.bsds500_crops import cut_crops
from robust_jax.data.load import load
from robust_jax.data.loader import training_loader
from robust_jax.data.pairs import inputs
from robust_jax.data.pairs.label_maps import palette
from robust_jax.data.pairs.targets import labeled_targets

RAW = Path(os.environ.get("ROBUST_JAX_DATA") or "-") / "raw"
needs_camvid = pytest.mark.skipif(
  not (RAW / "camvid").exists(),
  reason="ROBUST_JAX_DATA names no folder with raw/camvid",
)
RNG = np.random.default_rng(0)
PHOTOS = RNG.integers(0, 256, (3, 4, 6, 3), np.uint8)
MAPS = RNG.integers(0, 256, (3, 4, 6, 3), np.uint8)


def write(folder, names, images):
  folder.mkdir(parents=True, exist_ok=True)
  for name, image in zip(names, images, strict=True):
    (folder / name).parent.mkdir(exist_ok=True)
    PIL.Image.fromarray(image).save(folder / name)


@pytest.fixture
def folders(tmp_path):
  write(tmp_path / "maps", ["b.png", "a/1.png", "c.png"], MAPS)
  write(tmp_path / "photos", ["b.bmp", "a/1.bmp", "c.bmp"], PHOTOS)
  return tmp_path / "maps", tmp_path / "photos"


def test_pictures_of_equal_names_are_pairs(folders):
  dataset = pairs.two_folders(*folders)
  stored = dataset.read(np.arange(3))
  order = [1, 0, 2]  # by name
  np.testing.assert_array_equal(stored["x"], MAPS[order])
  np.testing.assert_array_equal(stored["y"], PHOTOS[order])
  batch = dataset.decode(stored)
  np.testing.assert_allclose(batch["y"], PHOTOS[order] / 255, atol=1e-7)


def test_halves_of_a_picture_are_a_pair(tmp_path):
  write(
    tmp_path, ["1.png", "2.png", "3.png"], np.concatenate([MAPS, PHOTOS], 2)
  )
  left = pairs.side_by_side(tmp_path).read(np.arange(3))
  right = pairs.side_by_side(tmp_path, "right").read(np.arange(3))
  np.testing.assert_array_equal(left["x"], MAPS)
  np.testing.assert_array_equal(left["y"], PHOTOS)
  np.testing.assert_array_equal(right["x"], PHOTOS)
  np.testing.assert_array_equal(right["y"], MAPS)


def test_pictures_without_a_partner_are_named_in_one_line(folders):
  maps, photos = folders
  write(maps, ["x1.png", "x2.png", "x3.png", "x4.png"], [MAPS[0]] * 4)
  (photos / "c.bmp").rename(photos / "d.bmp")
  with pytest.raises(ValueError, match="without a partner") as error:
    pairs.two_folders(maps, photos)
  assert str(error.value) == (
    f"pictures without a partner: 5 in {maps} (c, x1, x2, ...) and 1 in "
    f"{photos} (d). Expected the same names in both folders."
  )


def test_what_is_no_pair_is_refused(folders, tmp_path):
  maps, photos = folders
  with pytest.raises(ValueError, match=r"nowhere is not a folder"):
    pairs.two_folders(maps, tmp_path / "nowhere")
  (tmp_path / "empty").mkdir()
  with pytest.raises(ValueError, match=r"empty has no pictures in it"):
    pairs.side_by_side(tmp_path / "empty")
  write(maps, ["b.bmp"], MAPS[:1])
  with pytest.raises(ValueError, match=r"several pictures named b: expected"):
    pairs.two_folders(maps, photos)
  write(tmp_path / "odd", ["1.png"], PHOTOS[:1, :, :5])
  with pytest.raises(ValueError, match=r"1.png is 5 pixels wide: expected two"):
    pairs.side_by_side(tmp_path / "odd")
  (tmp_path / "odd" / "1.png").write_bytes(b"none")
  with pytest.raises(ValueError, match=r"1.png: .*identify"):
    pairs.side_by_side(tmp_path / "odd")


def test_an_image_of_another_size_is_refused_or_resized(folders):
  maps, photos = folders
  write(photos, ["c.bmp"], [PHOTOS[2].repeat(2, axis=0)])
  with pytest.raises(ValueError, match=r"c.bmp: an image of 8x6 .* 4x6"):
    pairs.two_folders(maps, photos).read(np.arange(3))
  resized = pairs.two_folders(maps, photos, resizer="pillow_box")
  np.testing.assert_array_equal(resized.read(np.array([2]))["y"], PHOTOS[2:])
  small = pairs.two_folders(maps, photos, size=(2, 3), resizer="pillow_box")
  assert small.read(np.arange(3))["x"].shape == (3, 2, 3, 3)


def test_one_pair_is_no_batch_of_two(tmp_path):
  write(tmp_path, ["1.png"], PHOTOS[:1])
  with pytest.raises(ValueError, match=r"batch_size = 2, .* has 1 examples"):
    training_loader(pairs.side_by_side(tmp_path), 2, seed=0)


def test_a_folder_is_named_in_a_config(folders):
  maps, photos = map(str, folders)
  config = edges2fashion.get_config("smoke")
  part = {"inputs": maps, "targets": photos}
  config.data = {"kind": "pairs", "name": "two_folders", "train": part}
  assert len(from_config.dataset(config, "train")) == 3
  with pytest.raises(ValueError, match="no split 'test' of the dataset"):
    from_config.dataset(config, "test")
  config.data.kind = "labeled_targets"
  with pytest.raises(ValueError, match="has no field `labels`"):
    from_config.dataset(config, "train")


def test_a_derived_pair_is_an_image_with_its_edges():
  digits = load("digits", "test[:5]")
  dataset = pairs.derived("digits", "edges", "test[:5]", padding=4)
  batch = dataset.decode(dataset.read(np.arange(5)))
  own = digits.decode(digits.read(np.arange(5)))
  np.testing.assert_array_equal(batch["y"][:, 4:12, 4:12], own["x"])
  assert batch["y"].sum() == own["x"].sum()
  np.testing.assert_array_equal(batch["x"], inputs.edges(batch["y"]))
  np.testing.assert_array_equal(batch["labels"], own["y"])
  named = labeled_targets(dataset).read(np.arange(5))
  np.testing.assert_array_equal(named["y"], own["y"])
  with pytest.raises(ValueError, match="three channels"):
    pairs.derived("digits", "gray", "test[:5]")


def test_colors_of_classes_differ():
  colors = palette(100)
  assert len(np.unique(colors, axis=0)) == 101
  assert colors[-1].tolist() == [0, 0, 0]


@needs_camvid
def test_streets_come_with_the_colors_of_their_pixels(tmp_path):
  dataset = pairs.label_maps("camvid", "validation", str(tmp_path))
  assert len(dataset) == 101
  batch = dataset.decode(dataset.read(np.arange(101)))
  labels = np.asarray(batch["labels"])
  assert set(np.unique(labels)) == set(range(-1, 11))
  assert dataset.fact("class_names")[3] == "road"
  road = np.asarray(batch["x"])[labels == 3]
  assert np.abs(road - palette(11)[3] / 255).max() < 1e-6
  # The road is below the sky.
  mean_row = [np.nonzero(labels == name)[1].mean() for name in (0, 3)]
  assert mean_row[0] < 64 < mean_row[1]


def test_crops_are_the_middle_of_a_photograph_at_half_its_size():
  small = RNG.integers(0, 256, (160, 240, 3), np.uint8)
  photograph = np.pad(small.repeat(2, 0).repeat(2, 1), [(0, 1), (0, 1), (0, 0)])
  for turned in (False, True):
    sides = (1, 0, 2) if turned else (0, 1, 2)
    crops = cut_crops(photograph.transpose(sides))
    assert crops.shape == (6, 64, 64, 3)
    middle = small[16:144, 24:216].transpose(sides)
    np.testing.assert_array_equal(crops[0], middle[:64, :64])
    np.testing.assert_array_equal(crops[1], middle[:64, 64:128])
    np.testing.assert_array_equal(crops[-1], middle[-64:, -64:])
