"""CIFAR-10 and the part of it that are read from raw files."""

import io
import os
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from robust_jax.data.builders import _cifar10, cifar10_raw
from robust_jax.data.tfds import find_builder

DATA = Path(os.environ.get("ROBUST_JAX_DATA") or "-")
needs_cifar = pytest.mark.skipif(
  not (DATA / "raw/cifar10/test.npz").exists(),
  reason="ROBUST_JAX_DATA names no folder with raw/cifar10",
)
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), np.uint8)
LABELS = np.array([3, 8, 8, 0, 6, 9, 1])


@pytest.fixture
def raw(tmp_path, monkeypatch):
  """`$ROBUST_JAX_DATA/raw/cifar10`, empty."""
  monkeypatch.setenv("ROBUST_JAX_DATA", str(tmp_path))
  folder = tmp_path / "raw" / "cifar10"
  folder.mkdir(parents=True)
  return folder


def write_arrays(path, rows=slice(None)):
  pieces = []
  for image in IMAGES[rows]:
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "png")
    pieces.append(np.frombuffer(file.getvalue(), np.uint8))
  np.savez(
    path,
    blob=np.concatenate(pieces),
    offsets=np.cumsum([0, *map(len, pieces)]),
    y=LABELS[rows].astype(np.uint8),
  )


def write_binary(path, rows):
  planes = IMAGES[rows].transpose(0, 3, 1, 2).reshape(-1, 3 * 32 * 32)
  labels = LABELS[rows, None].astype(np.uint8)
  np.concatenate([labels, planes], axis=1).tofile(path)


def test_both_formats_are_read_alike(raw):
  write_arrays(raw / "test.npz")
  write_binary(raw / "test_batch.bin", slice(None))
  for number, rows in ((1, slice(0, 2)), (2, slice(2, 6)), (3, slice(6, 7))):
    write_binary(raw / f"data_batch_{number}.bin", rows)
  write_arrays(raw / "one.npz", slice(0, 4))
  write_arrays(raw / "two.npz", slice(4, 7))
  batches = [f"data_batch_{number}.bin" for number in (1, 2, 3)]
  for read, names in (
    (_cifar10.from_arrays, ["test.npz"]),
    (_cifar10.from_arrays, ["one.npz", "two.npz"]),
    (_cifar10.from_binary, ["test_batch.bin"]),
    (_cifar10.from_binary, batches),
  ):
    images, labels = read(raw, names)
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


def test_the_whole_is_of_all_files_in_their_order(raw, monkeypatch):
  """Of a smaller size, and of either form."""
  split = cifar10_raw.Cifar10Raw.PARTS["train"]
  assert split.size == 50_000
  parts = {"train": split._replace(size=7)}
  monkeypatch.setattr(cifar10_raw.Cifar10Raw, "PARTS", parts)
  builder = find_builder("cifar10_raw", str(raw))
  assert builder.name == "cifar10_raw"
  for number in range(5):
    rows = slice(2 * number, 2 * number + 2)
    write_binary(raw / f"data_batch_{number + 1}.bin", rows)
  for _ in range(2):
    examples = builder.make_splits()["train"]
    np.testing.assert_array_equal(examples.images, IMAGES)
    np.testing.assert_array_equal(examples.labels, LABELS)
    write_arrays(raw / "train_first15000.npz", slice(0, 3))
    write_arrays(raw / "train_last35000.npz", slice(3, 7))
  (raw / "train_last35000.npz").unlink()
  with pytest.raises(ValueError, match=r"lacks train_last35000\.npz"):
    builder.make_splits()


def test_a_part_that_is_missing_or_too_small_is_refused(raw):
  builder = find_builder("cifar10_15k", str(raw))
  with pytest.raises(
    ValueError, match=r"no file train_first15000.npz or data_"
  ):
    builder.make_splits()
  write_binary(raw / "data_batch_1.bin", slice(None))
  with pytest.raises(ValueError, match=r"lacks data_batch_2.bin, data_b"):
    builder.make_splits()
  write_arrays(raw / "train_first15000.npz")
  with pytest.raises(
    ValueError, match=r"has 7 images of .* up to 9: expected 15"
  ):
    builder.make_splits()


@needs_cifar
def test_it_is_the_official_one():
  images, labels = _cifar10.from_arrays(DATA / "raw/cifar10", ["test.npz"])
  assert np.bincount(labels).tolist() == [1000] * 10
  # The means of the whole dataset; a part of it is within a hundredth.
  means = images.mean((0, 1, 2)) / 255
  np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=0.01)
  labels = []
  for name in cifar10_raw.Cifar10Raw.PARTS["train"].arrays:
    with np.load(DATA / "raw/cifar10" / name) as arrays:
      labels.append(arrays["y"])
      assert len(arrays["offsets"]) == len(arrays["y"]) + 1
  assert labels[0][:5].tolist() == [6, 9, 9, 4, 1]
  assert list(map(len, labels)) == [15_000, 35_000]
  assert np.bincount(np.concatenate(labels)).tolist() == [5000] * 10
