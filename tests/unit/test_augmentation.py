"""Augmentations against what they say they do, and Pillow."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import PIL.ImageEnhance
import PIL.ImageOps
import pytest

from robust_jax import augmentation, lookup
from robust_jax.augmentation import mixing, operations

KEY = jax.random.key(3)


def images(batch=12, height=9, width=13, channels=3):
  shape = (batch, height, width, channels)
  levels = np.random.default_rng(0).integers(0, 256, shape)
  return jnp.asarray(levels / 255, jnp.float32)


def test_flips_are_mirror_images_of_about_half():
  x = images(batch=200, height=2, width=3, channels=1)
  y = jax.jit(augmentation.flip(vertical=True))(KEY, x)
  mirrored = [x, x[:, ::-1], x[:, :, ::-1], x[:, ::-1, ::-1]]
  counts = [np.all(y == m, axis=(1, 2, 3)).sum() for m in mirrored]
  assert sum(counts) == 200
  # Of 200 quarters, within four deviations.
  assert all(abs(count - 50) < 25 for count in counts)


@pytest.mark.parametrize(
  ("border", "mode"), [("zero", "constant"), ("edge",) * 2]
)
def test_pad_crop_is_a_window_of_the_padded_image(border, mode):
  x = np.asarray(images(batch=60, height=5, width=4))
  y = np.asarray(jax.jit(augmentation.pad_crop(2, border=border))(KEY, x))
  padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode)
  windows = {
    (i, j): np.all(padded[:, i : i + 5, j : j + 4] == y, axis=(1, 2, 3))
    for i in range(5)
    for j in range(5)
  }
  assert np.all(sum(windows.values()) >= 1)
  seen = {place for place, found in windows.items() if found.any()}
  assert len(seen) > 15  # of 25 places, 60 draws


def test_a_crop_of_the_whole_image_is_the_image():
  x = images(height=7, width=7)
  same = jax.jit(augmentation.resized_crop((1, 1), (1, 1)))(KEY, x)
  np.testing.assert_allclose(same, x, rtol=0, atol=1e-5)


def test_a_crop_has_the_area_and_the_ratio_asked_for():
  # Brightness is the place: its slopes are the window's fraction of both sides.
  rows, columns = np.indices((20, 40))
  ramp = np.stack([(rows + 0.5) / 20, (columns + 0.5) / 40, 0 * rows], -1)
  x = jnp.asarray(np.broadcast_to(ramp, (50, 20, 40, 3)), jnp.float32)
  y = jax.jit(augmentation.resized_crop((0.1, 0.3), (0.5, 2.0)))(KEY, x)
  inner = np.asarray(y)[:, 2:-2, 2:-2]  # at the border a ramp ends
  height = 20 * np.diff(inner[..., 0], axis=1).mean((1, 2))
  width = 40 * np.diff(inner[..., 1], axis=2).mean((1, 2))
  fraction, ratio = height * width, 2 * width / height
  # float32 differences of 1/20.
  assert 0.1 - 1e-3 < fraction.min() < 0.15 < 0.25 < fraction.max() < 0.3 + 1e-3
  assert 0.5 - 1e-2 < ratio.min() < 0.7 < 1.5 < ratio.max() < 2 + 1e-2


def test_random_erasing_fills_one_rectangle_of_the_area_with_noise():
  x = jnp.full((64, 10, 20, 1), 2.0)
  erase = augmentation.random_erasing(1.0, area=(0.16, 0.16), ratio=(2.0, 2.0))
  hidden = np.asarray(jax.jit(erase)(KEY, x) != x)[..., 0]
  rows, columns = hidden.any(axis=2), hidden.any(axis=1)
  np.testing.assert_array_equal(hidden, rows[:, :, None] & columns[:, None, :])
  assert (rows.sum(axis=1) == 8).all()  # sqrt(32 * 2) of 200 pixels
  assert (columns.sum(axis=1) == 4).all()
  # Every place occurs, and each run is one piece.
  assert set(rows.argmax(axis=1)) == {0, 1, 2}
  assert (
    np.abs(np.diff(np.pad(columns, ((0, 0), (1, 1))))).sum(axis=1) == 2
  ).all()


def test_random_erasing_leaves_the_others_as_they_are():
  x = jnp.full((4000, 3, 3, 1), 2.0)
  erase = augmentation.random_erasing(0.25)
  erased = np.asarray(jax.jit(erase)(KEY, x) != x).any(axis=(1, 2, 3))
  assert 0.22 < erased.mean() < 0.28


def test_cutout_hides_one_square():
  x = images(batch=80, height=10, width=10)
  y = jax.jit(augmentation.cutout(4, fill=0.3))(KEY, x)
  hidden = np.any(y != x, axis=-1)
  np.testing.assert_array_equal(y[hidden], np.float32(0.3))
  sides = [hidden.any(axis=2).sum(axis=1), hidden.any(axis=1).sum(axis=1)]
  np.testing.assert_array_equal(hidden.sum((1, 2)), sides[0] * sides[1])
  # About a pixel, so half of it at least is inside along each axis.
  assert {2, 3, 4} == set(np.concatenate(sides).tolist())


def test_sometimes_changes_a_fraction_of_the_images_wholly():
  x = images(batch=300, height=2, width=2)
  dark = lambda key, x: 0 * x
  for probability, low, high in ((0.0, 0, 0), (0.25, 50, 100), (1.0, 300, 300)):
    y = jax.jit(augmentation.sometimes(dark, probability))(KEY, x)
    black = np.all(y == 0, axis=(1, 2, 3))
    np.testing.assert_array_equal(y[~black], x[~black])
    assert low <= black.sum() <= high  # 75 +- 3.3 deviations


def test_one_of_gives_each_group_one_of_them():
  x = images(batch=400, height=1, width=1)
  constants = [lambda key, x, v=v: jnp.full_like(x, v) for v in (0, 0.5, 1)]
  y = np.asarray(jax.jit(augmentation.one_of(constants))(KEY, x))[:, 0, 0, 0]
  groups = y.reshape(-1, 8)
  assert np.all(groups == groups[:, :1])
  assert set(y.tolist()) == {0, 0.5, 1}


def test_a_chain_is_one_after_the_other():
  x = images()
  np.testing.assert_array_equal(augmentation.chain([])(KEY, x), x)
  half = lambda key, x: x / 2
  more = lambda key, x: x + 0.5
  np.testing.assert_array_equal(
    augmentation.chain([half, more])(KEY, x), x / 2 + 0.5
  )


def test_corrupt_is_the_corruption_that_tests_use():
  x = images(batch=16)
  contrast = lookup.find("corruptions", "contrast")
  keys = jax.random.split(KEY, 16)
  y = jax.jit(augmentation.corrupt("contrast", severities=(2, 4)))(KEY, x)
  expected = [contrast(keys, x, severity) for severity in (2, 4)]
  for group in (slice(0, 8), slice(8, 16)):
    # Truncated to a gray level, which rounding may have just missed.
    errors = [np.abs(y[group] - e[group]).max() for e in expected]
    assert min(errors) < 1.01 / 255 < max(errors)


def test_cutmix_pastes_one_rectangle():
  x = images(batch=40, height=8, width=12)
  y, _ = jax.jit(mixing.cutmix())(KEY, x, jnp.eye(40))
  changed = np.any(y != x, axis=-1)
  box = changed.any(axis=2).sum(axis=1) * changed.any(axis=1).sum(axis=1)
  np.testing.assert_array_equal(changed.sum((1, 2)), box)


def test_augmix_with_one_chain_is_between_the_image_and_the_chain():
  # Beta(alpha, alpha) of a large alpha is 1/2, so that 2 y - x is the chain.
  x = images(batch=16)
  chain = 2 * jax.jit(augmentation.augmix(width=1, alpha=1e6))(KEY, x) - x
  # One half within four deviations, 4 / sqrt(8 alpha).
  assert -0.01 < chain.min() < chain.max() < 1.01
  assert np.abs(chain - x).max() > 0.1


@functools.cache
def photographs():
  """Smooth RGB images uint8 `[4, 17, 22, 3]` of many levels."""
  rows, columns = np.indices((17, 22)) / 5
  phase = np.arange(12).reshape(4, 1, 1, 3)
  waves = np.sin(rows[..., None] + phase) * np.cos(columns[..., None] - phase)
  return np.round(128 + 100 * waves).astype(np.uint8)


_ENHANCE = {
  "color": PIL.ImageEnhance.Color,
  "contrast": PIL.ImageEnhance.Contrast,
  "brightness": PIL.ImageEnhance.Brightness,
  "sharpness": PIL.ImageEnhance.Sharpness,
}
PILLOW = {
  "autocontrast": [(None, PIL.ImageOps.autocontrast)],
  "equalize": [(None, PIL.ImageOps.equalize)],
  "posterize": [
    (bits, functools.partial(PIL.ImageOps.posterize, bits=bits))
    for bits in (1, 4, 7)
  ],
  "solarize": [
    (level / 255, functools.partial(PIL.ImageOps.solarize, threshold=level))
    for level in (0, 100, 256)
  ],
  **{
    name: [
      (factor, lambda p, e=enhance, f=factor: e(p).enhance(f))
      for factor in (0.1, 1.0, 1.9)
    ]
    for name, enhance in _ENHANCE.items()
  },
}


@pytest.mark.parametrize("name", PILLOW)
def test_operations_are_those_of_pillow(name):
  change = jax.jit(getattr(operations, name))
  pictures = photographs()
  x = jnp.asarray(pictures / 255, jnp.float32)
  for value, of_pillow in PILLOW[name]:
    given = () if value is None else (jnp.full(len(x), value, jnp.float32),)
    expected = [of_pillow(PIL.Image.fromarray(p)) for p in pictures]
    error = np.abs(255 * change(x, *given) - np.stack(expected).astype(float))
    # Pillow truncates each result, and the gray that it starts from.
    assert error.max() < (1e-3 if name in ("posterize", "equalize") else 2)


def test_moves_have_the_sizes_asked_for():
  rows, columns = np.indices((21, 31), np.float32)
  x = jnp.asarray(np.stack([rows, columns, rows], -1) / 40)[None]
  one = lambda value: jnp.array([value], jnp.float32)
  middle = lambda y: 40 * np.asarray(y)[0, 8:13, 13:18]
  move = lambda change, value: middle(jax.jit(change)(x, one(value)))
  still = middle(x)

  right = move(operations.translate_x, 0.1)
  np.testing.assert_allclose(right[..., 1], still[..., 1] - 3.1, atol=1e-4)
  down = move(operations.translate_y, 0.1)
  np.testing.assert_allclose(down[..., 0], still[..., 0] - 2.1, atol=1e-4)
  height = 10 - rows[8:13, 13:18]
  lean = move(operations.shear_x, 0.3)
  np.testing.assert_allclose(
    lean[..., 1], still[..., 1] - 0.3 * height, atol=1e-4
  )
  turned = move(operations.rotate, 90.0)
  # Counter-clockwise: what was to the right of the middle is above it.
  np.testing.assert_allclose(turned[:, 2, 1] - 15, height[:, 2], atol=1e-4)


def test_bad_options_are_refused():
  for make_one, message in (
    (lambda: augmentation.flip(horizontal=False), "at least one of both"),
    (lambda: augmentation.one_of([]), "at least one"),
    (
      lambda: augmentation.sometimes(augmentation.flip(), 1.5),
      "probability = 1.5",
    ),
    (lambda: augmentation.corrupt("fog", severities=(6,)), "each from 1 to 5"),
    (lambda: augmentation.corrupt("frog"), "did you mean 'fog'"),
    (lambda: augmentation.resized_crop((0, 1)), "0 < smallest"),
    (lambda: augmentation.resized_crop((0.5, 2)), "no more than 1"),
    (lambda: augmentation.cutout(0), "size = 0"),
    (lambda: augmentation.random_erasing(1.5), "probability = 1.5"),
    (lambda: augmentation.random_erasing(area=(0.5, 2)), "the whole image"),
    (lambda: augmentation.augmix(severity=11), "severity = 11"),
    (lambda: augmentation.augmix(alpha=0), "alpha = 0"),
    (lambda: augmentation.rand_augment(magnitude=31), "magnitude = 31"),
    (lambda: mixing.mixup(0), "alpha = 0"),
  ):
    with pytest.raises(ValueError, match=message):
      make_one()
