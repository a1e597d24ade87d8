"""Decoders, resizers and what they do to a model's answers."""

import io

import numpy as np
import PIL.Image
import pytest

from robust_jax.comparison.system_noise import system_noise
from robust_jax.data.readers.decode import DECODERS, decode, import_library
from robust_jax.data.readers.resize_image import RESIZERS, resize

NEEDS = {"pillow": "PIL.Image", "opencv": "cv2", "ffmpeg": "av"}


def need(name):
  """Skips a test where a package is missing that only some users have."""
  pytest.importorskip(NEEDS[name.partition("_")[0]])


def picture(height=40, width=56):
  """A smooth image uint8 `[H, W, 3]`."""
  rows, columns = np.indices((height, width)) / 9
  waves = [np.sin(rows + 2 * c) * np.cos(columns - c) for c in range(3)]
  return np.round(128 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


def encoded(image, kind="png", **options):
  file = io.BytesIO()
  PIL.Image.fromarray(image).save(file, kind, **options)
  return file.getvalue()


@pytest.mark.parametrize("decoder", DECODERS)
class TestDecoder:
  def test_what_is_stored_without_loss_is_the_image(self, decoder):
    need(decoder)
    image = decode(encoded(picture()), decoder)
    assert image.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(image, picture())

  def test_a_jpeg_is_nearly_the_image_and_gray_is_rgb(self, decoder):
    need(decoder)
    image = decode(encoded(picture(), "jpeg", quality=95), decoder)
    # Quality 95 and halved colors change smooth images by a few levels.
    assert np.abs(image.astype(int) - picture()).mean() < 4
    gray = picture()[..., 0]
    np.testing.assert_array_equal(
      decode(encoded(gray), decoder), np.stack([gray] * 3, axis=-1)
    )

  def test_what_is_no_image_is_refused(self, decoder):
    need(decoder)
    for data in (b"", b"no image at all", encoded(picture())[:20]):
      with pytest.raises(ValueError, match=f"{decoder} cannot read these"):
        decode(data, decoder)


@pytest.mark.parametrize("resizer", RESIZERS)
def test_resizers_keep_what_every_filter_keeps(resizer):
  need(resizer)
  flat = np.full((17, 30, 3), 77, np.uint8)
  for size in ((5, 8), (40, 31)):
    np.testing.assert_array_equal(
      resize(flat, size, resizer), np.full((*size, 3), 77)
    )
  same = resize(picture(), (40, 56), resizer)
  np.testing.assert_array_equal(same, picture())
  gray = resize(picture()[..., :1], (20, 28), resizer)
  color = resize(picture(), (20, 28), resizer)
  assert gray.shape == (20, 28, 1)
  np.testing.assert_array_equal(gray[..., 0], color[..., 0])


def test_half_the_size_by_area_is_the_mean_of_four():
  means = picture().reshape(20, 2, 28, 2, 3).mean((1, 3))
  for resizer in ("pillow_box", "opencv_area"):
    if _there(resizer):
      half = resize(picture(), (20, 28), resizer)
      # Pillow rounds rows, and then columns.
      assert np.abs(half - means).max() <= 1


def _there(name):
  try:
    import_library(NEEDS[name.partition("_")[0]])
  except ValueError:
    return False
  return True


def stripes(seed, fine):
  """Bright with fine stripes, or dark: nearest-neighbor reduction hits one."""
  level = np.full((64, 64, 3), 90 + seed, np.uint8)
  if fine:
    level[:, 1::4] = 250
  return level


def bright(images):
  """1 where an image is brighter than 100 on average, as scores."""
  means = np.array([image.mean() for image in images])
  return np.stack([100 - means, means - 100], axis=1)


def test_the_grid_says_which_library_changes_answers():
  images = [encoded(stripes(seed, fine)) for seed, fine in SAMPLES]
  labels = np.array([fine for _, fine in SAMPLES], int)
  found = system_noise(
    bright,
    images,
    labels,
    2,
    size=(16, 16),
    crop=(12, 12),
    trained_with=("pillow", "pillow_box"),
  )
  assert (found.decoders[0], found.resizers[0]) == ("pillow", "pillow_box")
  assert found.classes.shape == (*found.accuracy.shape, 8)
  assert found.changed[0, 0] == 0
  assert found.accuracy[0, 0] == 1
  # One pixel in four is looked at, and no stripe seen.
  nearest = found.resizers.index("pillow_nearest")
  assert found.changed[0, nearest] == 0.5 == found.accuracy[0, nearest]
  there = {*found.decoders, *found.resizers}
  assert there | set(found.missing) == {*DECODERS, *RESIZERS}
  assert not there & set(found.missing)
  for name, reason in found.missing.items():
    assert "is not installed: `pip install" in reason, name


SAMPLES = [(seed, fine) for seed in range(4) for fine in (False, True)]


def test_bad_requests_are_refused():
  data = encoded(picture())
  with pytest.raises(ValueError, match="decoder = 'libjpeg': expected one of"):
    decode(data, "libjpeg")
  with pytest.raises(ValueError, match="resizer = 'bilinear': expected one of"):
    resize(picture(), (3, 3), "bilinear")
  with pytest.raises(ValueError, match="2 images and labels of shape"):
    system_noise(bright, [data] * 2, np.zeros(3, int), 2)
  with pytest.raises(ValueError, match="trained_with names 'tensorflow'"):
    system_noise(
      bright, [data], np.zeros(1, int), 2, trained_with=("tensorflow", "")
    )
