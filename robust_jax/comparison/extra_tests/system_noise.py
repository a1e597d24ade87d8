"""System noise: the same files read by other image libraries."""

import hashlib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import rich.table

from robust_jax import checks
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.data_kinds.images import batch_size
from robust_jax.comparison.extra_tests._system_noise_results import (
  system_noise_results,
)
from robust_jax.comparison.extra_tests.base import Context, Dependency
from robust_jax.comparison.extra_tests.table import results_table
from robust_jax.comparison.system_noise import (
  libraries,
  version,
)
from robust_jax.data.readers import decode as decoding
from robust_jax.data.readers import resize_image as resizing
from robust_jax.data.readers import resized_images


class SystemNoise:
  """Predictions with every installed decoder and resizer; an `ExtraTest`.

  Attributes:
    name: name of the test.
    empty: value where the test is not requested.

  Example:
    >>> from robust_jax.comparison.extra_tests import SystemNoise
    >>> SystemNoise(folder=".", size=224).name
    'system_noise'
  """

  name = "system_noise"
  empty = None

  def __init__(self, folder: str | pathlib.Path, size: int | None):
    """Checks the folder and the size.

    Args:
      folder: folder in which the compared images are files, named by their ids.
      size: height and width to which images are resized and cropped, as by
        `Resized`.

    Raises:
      ValueError: there is no such folder, or no size.
    """
    self._folder = pathlib.Path(folder).expanduser()
    if not self._folder.is_dir():
      raise ValueError(
        f"system noise comes from reading files, and {folder} is not a folder: "
        "expected a folder of class folders as --data."
      )
    if size is None:
      raise ValueError(
        "system noise comes from resizing, too: expected --image_size, as in "
        "--image_size=224."
      )
    checks.at_least_one("image_size", size)
    self._size = size

  def start(self, context: Context) -> "_Run":
    """Looks up the files.

    Raises:
      ValueError: an image is not a file, or a model has stored outputs only.
    """
    context.require_models("files read by other libraries")
    for name in context.examples.ids:
      if not (self._folder / name).is_file():
        raise ValueError(
          f"system noise: there is no file '{name}' in {self._folder}: "
          "expected images whose ids are their paths in it."
        )
    digest = hashlib.sha256()
    for name in context.examples.ids:
      digest.update(hashlib.sha256((self._folder / name).read_bytes()).digest())
    return _Run(self._folder, self._size, context, digest.hexdigest()[:16])

  def table(self, found: Mapping[str, Any]) -> rich.table.Table:
    """Returns a table with a column per model."""
    models = found["models"].values()
    most = [f"{one['most_changed']:.1f}" for one in models]
    rows = [
      ("changed predictions, mean", [one["mean_changed"] for one in models]),
      ("changed predictions, most", most),
    ]
    if found["labeled"]:
      for word in ("mean", "least"):
        accuracy = [f"{one['accuracies'][word]:.1f}" for one in models]
        rows.append((f"accuracy, {word}", accuracy))
    ways = len(found["decoders"]) * len(found["resizers"])
    caption = (
      f"In percent, over {ways} ways to read a file; changed relative to "
      f"{' and '.join(found['reference'])}."
    )
    return results_table("System noise", caption, list(found["models"]), rows)


class _Run:
  """One step per decoder and resizer."""

  dependencies: Sequence[Dependency] = ()

  def __init__(
    self, folder: pathlib.Path, size: int, context: Context, files: str
  ):
    self._folder, self._size, self._context = folder, size, context
    self._libraries = libraries()
    self._pairs = {
      _step(decoder, resizer, size, files): (decoder, resizer)
      for decoder in self._libraries.decoders
      for resizer in self._libraries.resizers
    }
    self.steps: Sequence[str] = list(self._pairs)

  def is_done(self, step: str) -> bool:
    return not self._context.missing(step)

  def run(self, step: str, interrupted: Callable[[], bool]) -> bool:
    return self._context.predict(step, self._views(step), interrupted)

  def report(self) -> dict[str, Any]:
    context = self._context
    shape = [len(names) for names in self._libraries[:2]]
    classes = {
      name: np.stack([store.get(step).classes for step in self.steps])
      for name, store in context.stores.items()
    }
    found = system_noise_results(
      {name: of.reshape(*shape, -1) for name, of in classes.items()},
      context.examples.labels,
      context.level,
      context.seed,
    )
    decoders, resizers, missing = self._libraries
    return {
      "images": len(context.examples.ids),
      "size": self._size,
      "decoders": list(decoders),
      "resizers": list(resizers),
      "reference": [decoders[0], resizers[0]],
      "missing": missing,
      **found,
    }

  def _views(self, step: str):
    """Yields a batch of files at a time, and the rows of its images."""
    ids = self._context.examples.ids
    (_, _, channels) = self._context.examples.facts[0]
    size = batch_size((self._size, self._size, channels))
    for start in range(0, len(ids), size):
      rows = range(len(ids))[start : start + size]
      yield rows, np.stack([self._read(ids[row], step) for row in rows])

  def _read(self, name: str, step: str) -> np.ndarray:
    """Reads a file as uint8 `[size, size, C]`, C as in the images."""
    decoder, resizer = self._pairs[step]
    data = (self._folder / name).read_bytes()
    try:
      image = decoding.decode(data, decoder)
    except ValueError as error:
      raise ValueError(f"system noise: {name}: {error}") from error
    (_, _, channels) = self._context.examples.facts[0]
    return resized_images.middle_square(
      image[..., :channels], self._size, resizer
    )


def _step(decoder: str, resizer: str, size: int, files: str) -> str:
  """Names a step by everything that determines its images."""
  code = code_hash(
    decoding.__name__, resizing.__name__, resized_images.__name__
  )
  versions = f"{version(decoder)}-{version(resizer)}"
  return f"system_noise/{decoder}/{resizer}/{size}/{versions}-{code}-{files}"
