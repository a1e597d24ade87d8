"""Pairs of pictures in folders."""

import pathlib
from collections.abc import Callable, Sequence

import jax
import numpy as np

from robust_jax.data.dataset import Dataset
from robust_jax.data.pairs.targets import decode_pairs
from robust_jax.data.readers.list_pictures import list_pictures
from robust_jax.data.readers.read_picture import read_picture
from robust_jax.data.readers.resize_image import resize

_NUM_NAMED = 3


def two_folders(
  inputs: str | pathlib.Path,
  targets: str | pathlib.Path,
  size: Sequence[int] | None = None,
  resizer: str | None = None,
) -> Dataset:
  """Pairs of pictures of equal names in two folders.

  A pair has one path below both folders, up to the suffix: `a/1.png` belongs to
  `a/1.jpg`. Pictures are read in color, when they are needed.

  Args:
    inputs: folder of the inputs.
    targets: folder of the targets.
    size: height and width of the images; by default those of the first input.
    resizer: how a picture of another size is resized to it, a member of
      `readers.resize_image.RESIZERS` such as "pillow_bilinear"; its aspect
      ratio is not kept. None refuses it.

  Returns:
    A `Dataset` of x and y.

  Raises:
    ValueError: there is no such folder, no picture in it, or a picture without
      a partner, of which the first are named. Reading raises it for a picture
      of another size, unless there is a resizer, or one that cannot be read.

  Example:
    >>> import pathlib, tempfile
    >>> import numpy as np, PIL.Image
    >>> from robust_jax.data import pairs
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for kind in ("maps", "photos"):
    ...   (root / kind).mkdir()
    ...   PIL.Image.new("RGB", (6, 4)).save(root / kind / "1.png")
    >>> dataset = pairs.two_folders(root / "maps", root / "photos")
    >>> dataset.read(np.array([0]))["y"].shape
    (1, 4, 6, 3)
  """
  found = [_pictures(pathlib.Path(folder)) for folder in (inputs, targets)]
  _refuse_single(inputs, targets, *found)
  files = [(found[0][key], found[1][key]) for key in sorted(found[0])]

  def read_pair(index: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = (_read(file) for file in files[index])
    return x, y

  names = [f"{x} and {y}" for x, y in files]
  return _pairs(f"{inputs} and {targets}", names, read_pair, size, resizer)


def side_by_side(
  folder: str | pathlib.Path,
  input: str = "left",
  size: Sequence[int] | None = None,
  resizer: str | None = None,
) -> Dataset:
  """Pairs in one picture each, of which the halves are input and target.

  Args:
    folder: folder of the pictures.
    input: which half is the input, "left" or "right".
    size: height and width of an image, which is half a picture; by default of
      the first one.
    resizer: as for `two_folders`.

  Returns:
    A `Dataset` of x and y.

  Raises:
    ValueError: there is no such folder, no picture in it, or no such half.
      Reading raises it for a picture of odd width, one of another size, unless
      there is a resizer, or one that cannot be read.

  Example:
    >>> import pathlib, tempfile
    >>> import numpy as np, PIL.Image
    >>> from robust_jax.data import pairs
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> PIL.Image.new("RGB", (12, 4)).save(root / "1.png")
    >>> pairs.side_by_side(root).read(np.array([0]))["x"].shape
    (1, 4, 6, 3)
  """
  if input not in ("left", "right"):
    raise ValueError(f"input = {input!r}: expected 'left' or 'right'.")
  files = list(_pictures(pathlib.Path(folder)).values())

  def read_pair(index: int) -> tuple[np.ndarray, np.ndarray]:
    both = _read(files[index])
    half, odd = divmod(both.shape[1], 2)
    if odd:
      raise ValueError(
        f"{files[index]} is {both.shape[1]} pixels wide: expected two images "
        "of one width side by side."
      )
    left, right = both[:, :half], both[:, half:]
    return (left, right) if input == "left" else (right, left)

  return _pairs(str(folder), list(map(str, files)), read_pair, size, resizer)


def _pairs(
  name: str,
  names: Sequence[str],
  read_pair: Callable[[int], tuple[np.ndarray, np.ndarray]],
  size: Sequence[int] | None,
  resizer: str | None,
) -> Dataset:
  height, width = size or read_pair(0)[0].shape[:2]
  shape = (int(height), int(width), 3)

  def fitted(image: np.ndarray, index: int) -> np.ndarray:
    if image.shape == shape:
      return image
    if resizer is None:
      raise ValueError(
        f"{names[index]}: an image of {image.shape[0]}x{image.shape[1]} "
        f"pixels, expected {shape[0]}x{shape[1]}. Give a `resizer` such as "
        "'pillow_bilinear', or another `size`."
      )
    return resize(image, shape[:2], resizer)

  def read(indices):
    pairs = [read_pair(int(index)) for index in indices]
    return {
      name: np.stack(
        [fitted(pair[i], j) for pair, j in zip(pairs, indices, strict=True)]
      )
      for i, name in enumerate("xy")
    }

  image = jax.ShapeDtypeStruct(shape, np.uint8)
  info = {"image_shape": shape, "target_shape": shape}
  spec = {"x": image, "y": image}
  return Dataset(name, spec, len(names), read, decode_pairs, info)


def _pictures(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """The pictures below a folder by their path without the suffix, sorted."""
  if not folder.is_dir():
    raise ValueError(f"{folder} is not a folder.")
  files, _ = list_pictures(folder)
  if not files:
    raise ValueError(f"{folder} has no pictures in it.")
  keys = [file.relative_to(folder).with_suffix("").as_posix() for file in files]
  if len(set(keys)) < len(keys):
    twice = next(key for i, key in enumerate(keys) if key in keys[:i])
    raise ValueError(
      f"{folder} has several pictures named {twice}: expected one each."
    )
  return dict(zip(keys, files, strict=True))


def _refuse_single(inputs, targets, found_inputs, found_targets) -> None:
  parts = [
    f"{len(alone)} in {folder} ({', '.join(alone[:_NUM_NAMED])}"
    f"{', ...' if len(alone) > _NUM_NAMED else ''})"
    for folder, alone in (
      (inputs, sorted(found_inputs.keys() - found_targets.keys())),
      (targets, sorted(found_targets.keys() - found_inputs.keys())),
    )
    if alone
  ]
  if parts:
    raise ValueError(
      f"pictures without a partner: {' and '.join(parts)}. Expected the same "
      "names in both folders."
    )


def _read(file: pathlib.Path) -> np.ndarray:
  """Reads a picture, uint8 `[H, W, 3]`."""
  try:
    return read_picture(file).image
  except Exception as error:  # Pillow raises many types for broken files
    raise ValueError(f"{file}: {error}") from error
