"""Reading of pictures of every kind, and messages about the rest."""

import io
import struct
import zlib

import numpy as np
import PIL.Image
import pytest

from experiments.compare.open_data import open_images
from experiments.compare.run import compare
from robust_jax.comparison.model import ComparedModel
from robust_jax.data.readers.decode import decode
from robust_jax.data.readers.image_folder import ImageFolder
from robust_jax.data.readers.read_picture import read_picture
from robust_jax.data.readers.validate_dataset import validate_dataset

SIZE = (5, 4)
RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 256, (4, 5, 3), np.uint8)
GRAY = COLOR[..., 0]


def stored(picture, kind="png", **options):
  file = io.BytesIO()
  picture.save(file, kind, **options)
  file.seek(0)
  return file


def read(picture, mode="RGB", kind="png", **options):
  return read_picture(stored(picture, kind, **options), mode)


def png(values, color_type, *chunks):
  """A PNG of 16 bits per channel, `[H, W, C]`, which Pillow cannot write."""

  def chunk(name, data):
    check = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + check

  height, width = values.shape[:2]
  header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
  rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
  parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows))]
  body = b"".join(chunk(*part) for part in (*parts, (b"IEND", b"")))
  return io.BytesIO(b"\x89PNG\r\n\x1a\n" + body)


def _of_mode(mode):
  return PIL.Image.fromarray(COLOR).convert("L" if mode == "1" else mode)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("stored_as", ["1", "L", "P", "RGB", "LA", "RGBA"])
def test_what_loses_nothing_is_what_pillow_converts(stored_as, mode):
  base = PIL.Image.fromarray(COLOR).convert("L")
  picture = (
    base if stored_as in ("1", "L", "LA") else _of_mode(stored_as)
  ).convert(stored_as)
  found = read(picture, mode)
  expected = np.asarray(picture.convert("RGB").convert(mode))
  np.testing.assert_array_equal(found.image.squeeze(), expected)
  grayed = mode == "L" and stored_as in ("P", "RGB", "RGBA")
  assert found.changed == (("color, made gray",) if grayed else ())


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", ["png", "tiff", "pgm"])
def test_gray_of_16_bits_is_scaled(kind, mode):
  values = np.array(
    [[0, 128, 129, 257], [20000, 32767, 65278, 65535]], np.uint16
  )
  if kind == "pgm":
    file = io.BytesIO(b"P5 4 2 65535\n" + values.astype(">u2").tobytes())
  else:
    file = stored(PIL.Image.fromarray(values), kind)
  image, changed = read_picture(file, mode)
  expected = [[0, 0, 1, 1], [78, 127, 254, 255]]
  assert image[..., -1].tolist() == expected
  assert changed == ("16 bits per channel, scaled to 8",)


@pytest.mark.parametrize(
  ("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)]
)
def test_every_png_of_16_bits_is_scaled(color_type, channels):
  values = RNG.integers(0, 65536, (4, 5, channels))
  if channels in (2, 4):
    values[..., -1] = 65535
  image, changed = read_picture(png(values, color_type))
  colors = values[..., : 3 if channels > 2 else 1]
  # Pillow cuts the lower eight bits off where there are several channels.
  assert np.abs(image - colors / 257).max() <= (0.5 if channels == 1 else 1)
  assert changed == ("16 bits per channel, scaled to 8",)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_without_a_largest_value_are_refused(mode):
  file = stored(PIL.Image.new(mode, SIZE, 7), "tiff")
  with pytest.raises(
    ValueError, match=f"32 bits .mode {mode}.*expected 8 or 16"
  ):
    read_picture(file)


def test_a_transparent_color_of_16_bits_is_refused():
  values = np.full((4, 5, 1), 20000)
  file = png(values, 0, (b"tRNS", struct.pack(">H", 20000)))
  with pytest.raises(ValueError, match="transparent color in 16 bits"):
    read_picture(file)


def _transparent():
  """Half the alpha of every kind of picture that can be transparent."""
  alpha = RNG.integers(0, 256, (4, 5), np.uint8)
  alpha[0] = 0
  color = PIL.Image.fromarray(np.dstack([COLOR, alpha]))
  gray = PIL.Image.merge(
    "LA", [PIL.Image.fromarray(GRAY), PIL.Image.fromarray(alpha)]
  )
  palette = PIL.Image.fromarray(COLOR).quantize(8)
  named = PIL.Image.fromarray(np.where(GRAY > 127, 200, 7).astype(np.uint8))
  return {
    "RGBA": (color, "png", {}),
    "RGBA webp": (color, "webp", {"lossless": True, "exact": True}),
    "RGBA tiff": (color, "tiff", {}),
    "LA": (gray, "png", {}),
    "P": (palette, "png", {"transparency": 3}),
    "P bytes": (palette, "png", {"transparency": bytes(range(0, 160, 20))}),
    "P gif": (palette, "gif", {"transparency": 3}),
    "L": (named, "png", {"transparency": 7}),
    "RGB": (named.convert("RGB"), "png", {"transparency": (7, 7, 7)}),
  }


@pytest.mark.parametrize("name", _transparent())
def test_what_is_transparent_is_laid_on_white(name):
  picture, kind, options = _transparent()[name]
  image, changed = read(picture, kind=kind, **options)
  with PIL.Image.open(stored(picture, kind, **options)) as again:
    pixels = np.asarray(again.convert("RGBA")).astype(float)
  alpha = pixels[..., 3:] / 255
  assert alpha.min() < 1
  expected = alpha * pixels[..., :3] + (1 - alpha) * 255
  assert np.abs(image - expected).max() <= 1
  assert changed == ("transparent, laid on white",)


def test_other_colors_and_several_pictures_are_told():
  cmyk = PIL.Image.fromarray(COLOR).convert("CMYK")
  found = read(cmyk, kind="tiff")
  np.testing.assert_array_equal(found.image, np.asarray(cmyk.convert("RGB")))
  assert found.changed == ("CMYK, converted to RGB",)
  pictures = [PIL.Image.new("L", SIZE, level) for level in (10, 200)]
  more = {"save_all": True, "append_images": pictures[1:]}
  found = read(pictures[0], "L", "gif", **more)
  assert found.changed == ("first of several pictures in a file",)
  assert np.unique(found.image) == [10]


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_stands_upright(turn):
  exif = PIL.Image.Exif()
  exif[0x0112] = turn
  values = GRAY.astype(np.uint16) * 257
  for picture in (PIL.Image.fromarray(GRAY), PIL.Image.fromarray(values)):
    image, changed = read(picture, "L", exif=exif)
    flipped = GRAY[:, ::-1] if turn in (2, 4, 5, 7) else GRAY
    quarters = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}[turn]
    np.testing.assert_array_equal(image[..., 0], np.rot90(flipped, quarters))
    assert ("turned as its EXIF data say" in changed) == (turn > 1)


def test_the_decoder_of_system_noise_sees_the_same():
  for picture, kind, options in _transparent().values():
    file = stored(picture, kind, **options)
    np.testing.assert_array_equal(decode(file.read()), read_picture(file).image)


def save(folder, place, picture, **options):
  path = folder / place
  path.parent.mkdir(parents=True, exist_ok=True)
  picture.save(path, **options)


@pytest.mark.parametrize("last", range(18))
def test_a_folder_is_gray_only_if_every_picture_is(tmp_path, last):
  for i in range(18):
    mode, color = ("RGB", (255, 0, 0)) if i == last else ("L", 100)
    save(tmp_path, f"a/{i:02}.png", PIL.Image.new(mode, (4, 4), color))
  found = open_images(str(tmp_path))
  assert found.get(last).x[0, 0].tolist() == [255, 0, 0]
  assert found.get((last + 1) % 18).x[0, 0].tolist() == [100] * 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_every_way_to_store_gray_is_gray(tmp_path, mode):
  picture = PIL.Image.new(mode, (4, 4))
  save(tmp_path, "a/a.png", picture)
  (tmp_path / "a" / "b.png").write_bytes(
    png(np.full((4, 5, 2), 65535), 4).getvalue()
  )
  (tmp_path / "a" / "c.pgm").write_bytes(b"P5 1 1 65535\n\0\0")
  found = open_images(str(tmp_path))
  assert [found.get(i).x.shape[2] for i in range(3)] == [1, 1, 1]


@pytest.fixture
def crowded(tmp_path):
  """Two classes, and all that lies about where people keep pictures."""
  dark, light = (
    PIL.Image.new("RGB", (12, 12), level) for level in ("#222", "#ddd")
  )
  for i in range(4):
    save(tmp_path, f"dark/{i}.png", dark)
    save(tmp_path, f"light/{i}.png", light)
  save(tmp_path, "light/photo.jfif", light, format="jpeg")
  save(tmp_path, "dark/no_ending", dark, format="png")
  save(tmp_path, "dark/wrong.txt", dark, format="png")
  save(tmp_path, "dark/clear.png", PIL.Image.new("RGBA", (12, 12)))
  (tmp_path / "light" / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic" * 4)
  (tmp_path / "light" / "notes.txt").write_text("no picture")
  save(tmp_path, ".ipynb_checkpoints/0.png", dark)
  save(tmp_path, "light/.ipynb_checkpoints/0.png", dark)
  save(tmp_path, "light/._0.png", dark)
  (tmp_path / "empty").mkdir()
  (tmp_path / "lists").mkdir()
  (tmp_path / "lists" / "a.csv").write_text("no picture")
  save(tmp_path, "lost.png", dark)
  (tmp_path / "dark" / "again").symlink_to(tmp_path / "light")
  return tmp_path


LEFT_OUT = {
  ".ipynb_checkpoints": "no class",
  "dark/again": "link to a folder",
  "empty": "no class",
  "light/.ipynb_checkpoints": "hidden name",
  "light/._0.png": "hidden name",
  "light/notes.txt": "no picture",
  "lists": "no class",
  "lists/a.csv": "no picture",
  "lost.png": "no class",
}


def test_every_file_is_read_or_named(crowded):
  folder = ImageFolder(crowded)
  assert folder.class_names == ("dark", "light")
  assert {p.id: p.kind for p in folder.left_out} == LEFT_OUT
  found = validate_dataset(folder)
  assert {"light/photo.jfif", "dark/no_ending", "dark/wrong.txt"} < set(
    found.ids
  )
  assert len(found.ids) == 12
  (problem,) = found.problems
  assert "light/phone.HEIC" in problem.message
  assert "convert it to PNG or JPEG" in problem.message
  assert [tuple(c) for c in found.changes] == [
    ("dark/clear.png", "transparent, laid on white")
  ]


def test_the_page_names_every_file(crowded, tmp_path):
  bright = lambda images: np.array([int(x.mean() > 127) for x in images])
  report = compare(
    {
      "A": ComparedModel(
        "A", "here", "function", "A", lambda _, __, x: bright(x)
      )
    },
    open_images(str(crowded)),
    tmp_path / "out",
    families=["pixel_shift"],
  )
  data = report["data"]
  assert (data["examples"], data["drawn"], data["available"]) == (12, 13, 13)
  assert data["problem_counts"] == {"unreadable example": 1}
  assert data["change_counts"] == {"transparent, laid on white": 1}
  assert {p["id"]: p["kind"] for p in data["left_out"]} == LEFT_OUT
  assert sum(data["left_out_counts"].values()) == len(LEFT_OUT)
  page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
  for name in (*LEFT_OUT, "light/phone.HEIC", "dark/clear.png"):
    assert name in page
  assert "Nothing was left out" not in page
