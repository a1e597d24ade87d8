"""Datasets of domain adaptation against their definitions."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_sample_image

from robust_jax.data.builders._blend import blend
from robust_jax.data.builders.mnist_m import MnistM
from robust_jax.data.load import load
from robust_jax.data.prepare import prepare
from robust_jax.data.tfds import find_builder

DATA = Path(os.environ.get("ROBUST_JAX_DATA") or "-")
needs_usps = pytest.mark.skipif(
  not (DATA / "raw/usps/usps_16x16_milli.npz").exists(),
  reason="ROBUST_JAX_DATA names no folder with raw/usps",
)
needs_photographs = pytest.mark.skipif(
  not ((DATA / "raw/bsds500").exists() and (DATA / "tfds/mnist").exists()),
  reason="ROBUST_JAX_DATA names no folder with raw/bsds500 and tfds/mnist",
)


def everything(name, split, data_dir):
  source = load(name, split, str(data_dir))
  return source.read(np.arange(len(source)))


def noise(*shape):
  return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


PHOTOGRAPHS = [noise(9, 12, 3), noise(8, 8, 3), 255 - noise(20, 8, 3)]


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 20), st.integers(0, 5))
def test_a_blend_does_not_depend_on_how_many_come_after(count, seed):
  digits = noise(20, 8, 8, 1)
  whole = blend(digits, PHOTOGRAPHS, seed)
  np.testing.assert_array_equal(
    blend(digits[:count], PHOTOGRAPHS, seed), whole[:count]
  )


def test_a_blend_is_the_distance_to_some_piece_and_blank_is_the_piece():
  blank = np.zeros((60, 8, 8, 1), np.uint8)
  pieces = blend(blank, PHOTOGRAPHS, 0).astype(int)
  possible = {
    photograph[i : i + 8, j : j + 8].tobytes(): number
    for number, photograph in enumerate(PHOTOGRAPHS)
    for i in range(photograph.shape[0] - 7)
    for j in range(photograph.shape[1] - 7)
  }
  drawn = [piece.astype(np.uint8).tobytes() for piece in pieces]
  assert {possible[piece] for piece in drawn} == {0, 1, 2}
  assert len(set(drawn)) > 10
  digits = noise(60, 8, 8, 1)
  np.testing.assert_array_equal(
    blend(digits, PHOTOGRAPHS, 0), np.abs(pieces - digits)
  )


def test_splits_draw_differently():
  blank = np.zeros((60, 8, 8, 1), np.uint8)
  first, second = (blend(blank, PHOTOGRAPHS, seed) for seed in (0, 1))
  assert not np.array_equal(first, second)


def test_digits_m_lies_over_one_photograph_per_split(tmp_path):
  for split, file in (("train", "china.jpg"), ("test", "flower.jpg")):
    gray, color = (
      everything(name, split, tmp_path) for name in ("digits", "digits_m")
    )
    assert color["x"].shape == (*gray["x"].shape[:3], 3)
    np.testing.assert_array_equal(gray["y"], color["y"])
    # Where nothing is drawn the photograph shows, its means at least.
    paper = color["x"][np.repeat(gray["x"] == 0, 3, axis=3)].reshape(-1, 3)
    photograph = load_sample_image(file).reshape(-1, 3)
    np.testing.assert_allclose(
      paper.mean(0), photograph.mean(0), rtol=0, atol=20
    )


def test_digits_m_never_changes():
  # A change would leave prepared copies of this version that differ.
  splits = find_builder("digits_m").make_splits()
  totals = {s: int(splits[s].images.sum(dtype=int)) for s in splits}
  assert totals == {"train": 33378013, "test": 6134397}
  assert [len(splits[s].labels) for s in splits] == [1437, 360]


@needs_usps
def test_usps_is_the_official_one_in_0_to_255(tmp_path):
  train, test = (everything("usps", s, tmp_path) for s in ("train", "test"))
  assert train["x"].shape == (7291, 16, 16, 1)
  assert test["x"].shape == (2007, 16, 16, 1)
  # The counts of 0..9 in the official files.
  assert np.bincount(train["y"]).tolist() == [
    *(1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644)
  ]
  assert np.bincount(test["y"]).tolist() == [
    *(359, 264, 198, 166, 200, 160, 170, 147, 166, 177)
  ]
  for part in (train, test):
    assert (part["x"].min(), part["x"].max()) == (0, 255)
    # A quarter is ink: values in [0, 1] or [-1, 1] taken for bytes, or ink
    # that is dark, would be far off.
    assert 55 < part["x"].mean() < 75


def write_zip(folder, values):
  folder.mkdir(parents=True, exist_ok=True)
  for split, size in (("train", 7291), ("test", 2007)):
    line = "7.0000 " + " ".join(f"{v:.3f}" for v in values) + "\n"
    with gzip.open(folder / f"zip.{split}.gz", "wt") as file:
      file.write(line * size)


def test_usps_is_read_from_the_public_files(tmp_path, monkeypatch):
  monkeypatch.setenv("ROBUST_JAX_DATA", str(tmp_path))
  values = np.linspace(-1, 1, 256)
  write_zip(tmp_path / "raw/usps", values)
  test = find_builder("usps", str(tmp_path)).make_splits()["test"]
  assert test.images.shape == (2007, 16, 16, 1)
  np.testing.assert_array_equal(test.images[2006].ravel(), np.arange(256))
  assert set(test.labels) == {7}


def test_usps_in_another_scale_is_refused(tmp_path, monkeypatch):
  monkeypatch.setenv("ROBUST_JAX_DATA", str(tmp_path))
  write_zip(tmp_path / "raw/usps", np.linspace(0, 1, 256))
  with pytest.raises(ValueError, match=r"\[0, 1\]: expected 7291 in \[-1, 1\]"):
    prepare("usps", str(tmp_path / "tfds"))


@needs_photographs
def test_mnist_m_is_the_known_one():
  # To make it is to compare its sha256 with MnistM.SHA256.
  splits = find_builder("mnist_m").make_splits()
  assert len(MnistM.SHA256) == 64
  assert splits["train"].images.shape == (60_000, 28, 28, 3)
  assert splits["test"].images.shape == (10_000, 28, 28, 3)


@pytest.mark.parametrize(
  ("name", "expected"),
  [
    ("usps", r"zip.train.gz or usps_16x16_milli.npz.*hastie.su.domains"),
    ("mnist_m", r"\*.tgz or \*.tar.gz or \*.tar.*BSR_bsds500.tgz"),
  ],
)
def test_missing_raw_files_are_named_with_where_to_get_them(
  name, expected, tmp_path, monkeypatch
):
  monkeypatch.delenv("ROBUST_JAX_DATA", raising=False)
  with pytest.raises(
    ValueError, match=f"ROBUST_JAX_DATA is not set.*{expected}"
  ):
    prepare(name, str(tmp_path))
  monkeypatch.setenv("ROBUST_JAX_DATA", str(tmp_path))
  with pytest.raises(ValueError, match=f"has no file {expected}"):
    load(name, "train", str(tmp_path))


def test_without_mnist_mnist_m_says_how_to_get_it(tmp_path, monkeypatch):
  archive = tmp_path / "raw/bsds500/BSR_bsds500.tgz"
  archive.parent.mkdir(parents=True)
  archive.touch()
  monkeypatch.setenv("ROBUST_JAX_DATA", str(tmp_path))
  monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
  with pytest.raises(ValueError, match=r"launch\.sh data mnist:3\.0\.1"):
    prepare("mnist_m", str(tmp_path))


@pytest.mark.parametrize("name", ["mnist", "svhn_cropped"])
def test_the_stock_digits_have_a_builder(name):
  builder = find_builder(name)
  assert builder.info.supervised_keys == ("image", "label")
