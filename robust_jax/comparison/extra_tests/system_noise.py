"""The same files through other image libraries."""

import hashlib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import rich.table

from robust_jax import checks
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.extra_tests._system_noise_results import (
  system_noise_results,
)
from robust_jax.comparison.extra_tests.base import Context, Dependency
from robust_jax.comparison.extra_tests.table import section_table
from robust_jax.comparison.load_images import batch_size
from robust_jax.comparison.system_noise import (
  libraries,
  version,
)
from robust_jax.data.readers import decode as decoding
from robust_jax.data.readers import resize_image as resizing
from robust_jax.data.readers import resized_images


class SystemNoise:
  """Answers through every decoder and resizer there is; a `Section`.

  Attributes:
    name: of the section.
    nothing: where nobody asks for it.
  """

  name = "system_noise"
  nothing = None

  def __init__(self, folder: str | pathlib.Path, size: int | None):
    """Notes where files are.

    Args:
      folder: the images that are compared are files in it, by their ids.
      size: height and width that images are resized and cropped to, as
        `adapters.resized` does.

    Raises:
      ValueError: no such folder, or no size.
    """
    self._folder = pathlib.Path(folder).expanduser()
    if not self._folder.is_dir():
      raise ValueError(
        f"system noise is that of reading files, and {folder} is no folder: "
        "expected a folder of class folders as --data."
      )
    if size is None:
      raise ValueError(
        "system noise is that of resizing, too: expected --image_size, as in "
        "--image_size=224."
      )
    checks.at_least_one("image_size", size)
    self._size = size

  def start(self, setting: Context) -> "_Asking":
    """Looks for the files.

    Raises:
      ValueError: an image is no file, or a model not here to be asked.
    """
    setting.need_models("files read by other libraries")
    for name in setting.images.ids:
      if not (self._folder / name).is_file():
        raise ValueError(
          f"system noise: there is no file '{name}' in {self._folder}: "
          "expected images whose ids are their places in it."
        )
    digest = hashlib.sha256()
    for name in setting.images.ids:
      digest.update(hashlib.sha256((self._folder / name).read_bytes()).digest())
    return _Asking(self._folder, self._size, setting, digest.hexdigest()[:16])

  def table(self, found: Mapping[str, Any]) -> rich.table.Table:
    """Models beside each other."""
    models = found["models"].values()
    most = [f"{one['most_changed']:.1f}" for one in models]
    rows = [
      ("other answers, mean", [one["mean_changed"] for one in models]),
      ("other answers, most", most),
    ]
    if found["labeled"]:
      for word in ("mean", "least"):
        right = [f"{one['accuracies'][word]:.1f}" for one in models]
        rows.append((f"right, {word}", right))
    ways = len(found["decoders"]) * len(found["resizers"])
    caption = (
      f"In percent, over {ways} ways to read a file; other answers than with "
      f"{' and '.join(found['reference'])}."
    )
    return section_table("System noise", caption, list(found["models"]), rows)


class _Asking:
  """A step per decoder and resizer."""

  dependencies: Sequence[Dependency] = ()

  def __init__(
    self, folder: pathlib.Path, size: int, setting: Context, files: str
  ):
    self._folder, self._size, self._setting = folder, size, setting
    self._libraries = libraries()
    self._pairs = {
      _step(decoder, resizer, size, files): (decoder, resizer)
      for decoder in self._libraries.decoders
      for resizer in self._libraries.resizers
    }
    self.steps = list(self._pairs)

  def answered(self, step: str) -> bool:
    return not self._setting.missing(step)

  def ask(self, step: str, interrupted: Callable[[], bool]) -> bool:
    return self._setting.ask(step, self._views(step), interrupted)

  def report(self) -> dict[str, Any]:
    setting = self._setting
    shape = [len(names) for names in self._libraries[:2]]
    classes = {
      name: np.stack([kept.read(step).classes for step in self.steps])
      for name, kept in setting.kept.items()
    }
    found = system_noise_results(
      {name: of.reshape(*shape, -1) for name, of in classes.items()},
      setting.images.labels,
      setting.level,
      setting.seed,
    )
    decoders, resizers, missing = self._libraries
    return {
      "images": len(setting.images.ids),
      "size": self._size,
      "decoders": list(decoders),
      "resizers": list(resizers),
      "reference": [decoders[0], resizers[0]],
      "missing": missing,
      **found,
    }

  def _views(self, step: str):
    """A batch of files at a time, and which images they are."""
    ids = self._setting.images.ids
    (_, _, channels) = self._setting.images.shapes[0]
    size = batch_size((self._size, self._size, channels))
    for start in range(0, len(ids), size):
      rows = range(len(ids))[start : start + size]
      yield rows, np.stack([self._read(ids[row], step) for row in rows])

  def _read(self, name: str, step: str) -> np.ndarray:
    """uint8 `[size, size, C]`, as gray as the images that are compared."""
    decoder, resizer = self._pairs[step]
    data = (self._folder / name).read_bytes()
    try:
      image = decoding.decode(data, decoder)
    except ValueError as error:
      raise ValueError(f"system noise: {name}: {error}") from error
    (_, _, channels) = self._setting.images.shapes[0]
    return resized_images.middle_square(
      image[..., :channels], self._size, resizer
    )


def _step(decoder: str, resizer: str, size: int, files: str) -> str:
  """Named by all that other images may come of: libraries, code and files."""
  code = code_hash(
    decoding.__name__, resizing.__name__, resized_images.__name__
  )
  versions = f"{version(decoder)}-{version(resizer)}"
  return f"system_noise/{decoder}/{resizer}/{size}/{versions}-{code}-{files}"
