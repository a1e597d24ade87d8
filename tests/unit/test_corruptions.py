"""Each corruption against its reference, and what its random numbers obey."""

import functools
import importlib
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import stats
from sklearn.datasets import load_sample_image

from robust_jax import lookup
from robust_jax.corruptions import (
  _canny,
  constants,
  frost_pictures,
  random,
  suites,
)
from tests.unit import corruption_references as reference

IDS = np.array([11, 5])
LEVEL = 1 / 255
# Whose constants are taken, and the images that they are tried on.
SIZES = {32: (24, 37), 224: (32, 32)}
# A tie that float32 decides otherwise moves the rim of a drop, or a coefficient
# of a block, by a whole step.
NEARLY = {"spatter", "jpeg_compression"}
NAMES = [*suites.IMAGENET_C, *suites.IMAGENET_C_EXTRA]


def _function(name):
  return lookup.find("corruptions", name)


def _module(name):
  return importlib.import_module(_function(name).__module__)


def _draw_function(name):
  """The function that draws a corruption's random numbers, or None."""
  module = _module(name)
  return getattr(module, f"draw_{name}", getattr(module, "draw", None))


@functools.cache
def _photographs(height, width):
  """`[2, H, W, 3]` from the middle of a photograph, reduced eightfold."""
  whole = Image.fromarray(load_sample_image("china.jpg")).reduce(8)
  parts = [np.asarray(whole)[i : i + height, i : i + width] for i in (5, 15)]
  return (np.stack(parts) / 255).astype(np.float32)


@functools.cache
def _digits():
  """`[2, 28, 28, 1]`: a ring, and a V."""
  rows, columns = np.indices((28, 28)) - 13.5
  ring = np.exp(-((np.hypot(rows, columns) - 8) ** 2) / 3)
  vee = np.exp(-((2 * abs(columns) + rows - 8) ** 2) / 20) * (abs(rows) < 10)
  digits = np.round(255 * np.stack([ring, vee])[..., None]) / 255
  return digits.astype(np.float32)


@functools.cache
def _program(name, **options):
  corrupt = _function(name)
  return jax.jit(lambda *args: corrupt(*args, **options))


def _row(name, severity, size):
  row = reference.CONSTANTS[size][name][severity - 1]
  return tuple(row) if np.ndim(row) else row


@functools.cache
def _draw(name, size):
  """The random numbers that a corruption draws, compiled: each `[B, ...]`."""
  draw, table = _draw_function(name), reference.CONSTANTS[size].get(name)

  def drawn(keys, x, severity):
    if name == "glass_blur":
      reach = jnp.array([row[1] for row in table])[severity - 1]
      return draw(keys, x, max(r[2] for r in table), reach)
    if name == "shot_noise":
      return draw(keys, x, tuple(table), severity)
    if name == "fog":
      # With 224's constants as an option, clouds are as large as for 224.
      return draw(keys, x, size)
    return draw(keys, x)

  return jax.jit(drawn)


def _drawn(name, keys, x, severity, size):
  if _draw_function(name) is None:
    return ()
  drawn = _draw(name, size)(keys, x, severity)
  drawn = drawn if name in ("snow", "elastic_transform") else (drawn,)
  return (_cut_outs(x, np.asarray(*drawn)),) if name == "frost" else drawn


def _cut_outs(x, where):
  height, width = x.shape[1:3]
  pixels = frost_pictures.synthetic(height, width).pixels
  which = np.int32(where[:, 0] * len(pixels))
  room = np.array([height, width]) + 1  # pictures are twice as large
  first = np.int32(where[:, 1:] * room)
  return np.stack(
    [
      pixels[n, i : i + height, j : j + width] / 255
      for n, (i, j) in zip(which, first, strict=True)
    ]
  )


def _each(corrupt, x, *drawn):
  """The reference on every image, truncated to 8 bits."""
  images = [
    corrupt(
      image.astype(np.float64),
      *jax.tree.map(lambda d, i=i: np.asarray(d[i]), drawn),
    )
    for i, image in enumerate(x)
  ]
  return reference.truncated(np.stack(images))


CASES = [(32, name) for name in NAMES] + [
  (224, name) for name in NAMES if name.split("_")[-1] not in ("noise", "frost")
]


@pytest.mark.parametrize(("size", "name"), CASES)
def test_agrees_with_the_reference(size, name):
  x = _photographs(*SIZES[size])
  for severity in range(1, 6):
    keys = random.image_keys(0, IDS, name, severity)
    y = _program(name, size=size)(keys, x, severity)
    drawn = _drawn(name, keys, x, severity, size)
    row = _row(name, severity, size)
    corrupt = functools.partial(
      lambda image, *d, row: getattr(reference, name)(image, row, *d), row=row
    )
    apart = np.abs(y - _each(corrupt, x, *drawn))
    # Truncation makes a level of the last bit of float32.
    assert np.mean(apart > 0.5 * LEVEL) < 0.05, severity
    if name in NEARLY:
      assert apart.mean() < 0.1 * LEVEL, severity
    else:
      assert apart.max() < 1.01 * LEVEL, severity


@pytest.mark.parametrize("name", suites.MNIST_C)
def test_agrees_with_the_reference_of_mnist_c(name):
  x, (severity, options) = _digits(), suites.MNIST_C[name]
  keys = random.image_keys(0, IDS, name, severity)
  y = _program(name, **options)(keys, x, severity)
  if "size" in options:
    row = (_row(name, severity, options["size"]),)
    drawn = _drawn(name, keys, x, severity, options["size"])
  else:
    row = tuple(reference.MNIST_C[name])
    draw = _draw_function(name)
    drawn = () if draw is None else jax.jit(draw)(keys, x)
    drawn = drawn if isinstance(drawn, tuple) else (drawn,)
  if name == "glass_blur":
    shape = drawn[0].shape[1:4]
    drawn = (*drawn, random.bits(keys, shape, stream=1) % 2 == 0)
  corrupt = getattr(reference, name)
  apart = np.abs(
    y - _each(lambda image, *d: corrupt(image, *row, *d), x, *drawn)
  )
  # A level is truncated from the last bit of float32.
  assert apart.max() < 1.01 * LEVEL
  assert np.mean(apart > 0.5 * LEVEL) < 0.01


@pytest.mark.parametrize(("reach", "passes"), [(1, 1), (2, 3), (4, 2)])
def test_shuffles_are_loops_over_pixels(reach, passes):
  random = np.random.default_rng(0)
  x = random.random((2, 24, 37, 3)).astype(np.float32)
  offsets = random.integers(-reach, reach, (2, 3, 24, 37, 2)).astype(np.int32)
  chosen = random.random((2, 3, 24, 37)) < 0.5
  overwritten, exchanged = _shuffles()
  for moves, y in (
    ((offsets,), overwritten(x, offsets, reach, passes)),
    ((offsets, chosen), exchanged(x, offsets, chosen, reach, passes)),
  ):
    for i in range(len(x)):
      expected = x[i].copy()
      reference.shuffle(expected, reach, passes, *(m[i] for m in moves))
      np.testing.assert_array_equal(y[i], expected)  # bit for bit


@functools.cache
def _shuffles():
  module = _module("glass_blur")
  return jax.jit(module.shuffled), jax.jit(module.swapped)


class TestNoise:
  """Laws of the noise, on uniform images; bounds are five standard errors."""

  COUNT = 3 * 200**2

  def _noise(self, name, level, severity, size=224):
    x = jnp.full((1, 200, 200, 3), level / 255, jnp.float32)
    keys = random.image_keys(0, IDS[:1], name, severity)
    return np.asarray(_program(name, size=size)(keys, x, severity)) - x

  def test_gaussian(self):
    # 0.08 is six deviations from both ends; truncation takes half a level.
    noise = self._noise("gaussian_noise", 128, 1)
    error = 0.08 / np.sqrt(self.COUNT)
    assert abs(noise.mean() + 0.5 * LEVEL) < 5 * error
    assert abs(noise.std() - np.hypot(0.08, LEVEL / 12**0.5)) < 5 * error

  def test_speckle_grows_with_the_light(self):
    weak, strong = (
      self._noise("speckle_noise", level, 1, 32).std() for level in (60, 120)
    )
    # 0.06 of the level, and the rounding error of truncation.
    for level, deviation in ((60, weak), (120, strong)):
      expected = np.hypot(0.06 * level / 255, LEVEL / 12**0.5)
      assert abs(deviation / expected - 1) < 5 / np.sqrt(self.COUNT)

  def test_impulses_are_half_salt_half_pepper(self):
    noise = self._noise("impulse_noise", 128, 5)
    error = np.sqrt(0.135 / self.COUNT)
    assert abs(np.mean(noise > 0) - 0.135) < 5 * error
    assert abs(np.mean(noise < 0) - 0.135) < 5 * error

  @pytest.mark.parametrize(("level", "severity"), [(255, 1), (90, 5), (3, 2)])
  def test_photons_are_poisson(self, level, severity):
    photons = tuple(reference.CONSTANTS[32]["shot_noise"])
    x = jnp.full((1, 200, 200, 3), level / 255, jnp.float32)
    keys = random.image_keys(0, IDS[:1], "shot_noise", severity)
    counts = _draw("shot_noise", 32)(keys, x, severity)
    counts = np.asarray(counts).astype(int).ravel()
    law = stats.poisson(photons[severity - 1] * level / 255)
    edges = np.unique(law.ppf(np.linspace(0.02, 0.98, 20)))
    seen = np.bincount(np.searchsorted(edges, counts), minlength=len(edges) + 1)
    mass = np.diff(np.concatenate([[0], law.cdf(edges), [1]]))
    # The seed is fixed, so that it is no matter of luck.
    assert stats.chisquare(seen, mass * counts.size).pvalue > 0.01


class TestDraws:
  def test_keys_tell_everything_apart(self):
    base = (0, IDS, "fog", 1)
    others = [(1, *base[1:]), (0, IDS + 1, *base[2:])]
    others += [(0, IDS, "snow", 1), (0, IDS, "fog", 2)]
    rows = [jax.random.key_data(random.image_keys(*a)) for a in (base, *others)]
    assert len({tuple(r.tolist()) for keys in rows for r in keys}) == 10

  def test_uniform_and_normal(self):
    keys = random.image_keys(0, IDS, "fog", 1)
    drawn = [
      np.asarray(random.uniform(keys, (30000,), stream=i)) for i in (0, 1)
    ]
    drawn += [np.asarray(random.normal(keys, (30000,), stream=2))]
    for values, law in zip(drawn, ["uniform", "uniform", "norm"], strict=True):
      for image in values:
        assert stats.kstest(image, law).pvalue > 0.01
    rows = np.concatenate(drawn)
    # Images, streams and neighboring places have nothing to do with another.
    rows = np.concatenate([rows[:, :-1], rows[:, 1:]])
    apart = np.corrcoef(rows) - np.eye(len(rows))
    assert np.abs(apart).max() < 5 / np.sqrt(30000)

  def test_below(self):
    keys = random.image_keys(0, IDS, "fog", 1)
    drawn = np.asarray(random.below(keys, (30000,), 7))
    assert stats.chisquare(np.bincount(drawn[0], minlength=7)).pvalue > 0.01
    assert drawn.min() == 0
    assert drawn.max() == 6


def test_constants_are_those_of_the_nearest_size():
  tables = {size: [size] for size in (32, 64, 224, 299)}
  expected = {9: 32, 28: 32, 45: 32, 46: 64, 119: 64, 120: 224, 256: 224}
  for side, size in {**expected, 259: 299, 1000: 299}.items():
    x = jnp.zeros((1, side, side + 7, 1))
    assert constants.rows(tables, x) == [size]
  assert constants.rows(tables, x, 64) == [64]
  with pytest.raises(ValueError, match="size = 65: expected one of"):
    constants.rows(tables, x, 65)


def test_every_gray_level_is_itself():
  x = (np.arange(256) / 255).astype(np.float32).reshape(1, 16, 16, 1)
  y = _program("identity")(random.image_keys(0, IDS[:1], "identity", 1), x, 1)
  np.testing.assert_array_equal(np.round(255 * y), np.round(255 * x))


def test_jpeg_on_the_host_is_pillow():
  module, x = _module("jpeg_compression"), _photographs(24, 37)
  stored = module.on_host(x, 25)
  expected = _each(reference.jpeg_compression, x, np.array([25, 25]))
  np.testing.assert_allclose(stored, expected, atol=1e-6)
  assert stored.dtype == x.dtype


@pytest.mark.parametrize("shape", [(27, 37), (36, 24)])
def test_jpeg_of_incomplete_blocks_is_pillow(shape):
  x = _photographs(*shape)
  y = _module("jpeg_compression").compress(x, 25)
  expected = _each(reference.jpeg_compression, x, np.array([25, 25]))
  assert np.mean(np.abs(y - expected) > 0.5 * LEVEL) < 0.01


class TestFrost:
  def test_photographs_are_read_and_cut_out(self, tmp_path):
    levels = {"a.png": 40, "b.jpg": 200}
    for name, level in levels.items():
      picture = np.full((40, 60, 3), level, np.uint8)
      Image.fromarray(picture).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    pictures = frost_pictures.load_photographs(tmp_path, scale=0.9)
    assert (pictures.heights, pictures.widths) == ((36, 36), (54, 54))
    x = np.zeros((20, 24, 37, 1), np.float32)
    keys = random.image_keys(0, np.arange(20), "frost", 5)
    frost = functools.partial(_function("frost"), pictures=pictures, size=224)
    y = np.asarray(jax.jit(frost)(keys, x, 5))
    # Black under 0.75 of frost: one of both pictures, both are met.
    seen = {round(float(v) * 255) for v in np.unique(y)}
    assert seen == {30, 150}

  def test_bad_pictures_are_refused(self, tmp_path):
    with pytest.raises(ValueError, match="no photographs in"):
      frost_pictures.load_photographs(tmp_path)
    pictures = frost_pictures.synthetic(4, 4)
    keys = random.image_keys(0, IDS, "frost", 1)
    with pytest.raises(ValueError, match=r"8 x 8 pixels for images of 24 x 37"):
      _function("frost")(keys, _photographs(24, 37), 1, pictures=pictures)


def test_water_glitters_as_in_opencv():
  """Canny, distances, equalization and relief of its 5.0, kept in a file.

  Levels of drops at severities 1 to 3 and sizes 32, 64 and 224, drops of one to
  nine pixels, a staircase and nothing; and how bright they are, from 0 to 1.
  """
  path = pathlib.Path(__file__).with_name("opencv_glitter.npz")
  with np.load(path, allow_pickle=False) as kept:
    levels, light = kept["levels"], kept["light"]
  module = _module("spatter")
  found = jax.jit(module._glitter)(np.float32(levels) / 255)
  np.testing.assert_allclose(found, light, atol=1e-6)


def test_a_drop_of_four_pixels_has_no_rim():
  layer = np.zeros((1, 8, 8), np.float32)
  layer[0, 3:5, 3:5] = 180
  down, right = _canny.sobel(layer, "edge")
  strong = np.abs(down) + np.abs(right) > 150
  assert strong.sum() > 0
  assert not _canny.edges(_canny.steeper_than_beside(down, right), strong).any()
  # An edge between two pixels is that of one, where scikit-image has both.
  step = np.zeros((1, 8, 8), np.float32)
  step[..., 4:] = 180
  down, right = _canny.sobel(step, "edge")
  thin = _canny.steeper_than_beside(down, right)
  assert thin[0].sum(axis=1).tolist() == [1] * 8


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_color_quant_is_pillows_posterize(severity):
  image = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
  keys = random.image_keys(0, [0], "color_quant", severity)
  ours = _function("color_quant")(keys, np.float32(image[None]) / 255, severity)
  theirs = ImageOps.posterize(Image.fromarray(image), 6 - severity)
  np.testing.assert_allclose(255 * ours[0], np.asarray(theirs), atol=1e-3)
