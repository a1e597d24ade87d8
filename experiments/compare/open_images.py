"""The dataset named on a command line."""

import pathlib
from collections.abc import Sequence

from robust_jax.data.load import load
from robust_jax.data.readers.dataset_images import DatasetImages
from robust_jax.data.readers.image_folder import ImageFolder
from robust_jax.data.readers.in_order import InOrder
from robust_jax.data.readers.npz_images import NpzImages
from robust_jax.data.readers.reader import Reader
from robust_jax.data.readers.resized_images import Resized


def open_images(
  data: str,
  split: str = "test",
  size: int | None = None,
  names: Sequence[str] | None = None,
) -> Reader:
  """Opens a folder of class folders, an `.npz`, or a dataset by name.

  Pictures of a folder are gray if all of them are.

  Args:
    data: path or name; an existing file or folder is a path.
    split: split of a dataset by name.
    size: side in pixels to resize and crop images to; None leaves them
      unchanged.
    names: class names, in the order of the models' outputs; None for the order
      of the data.

  Raises:
    ValueError: there is no such file, folder or dataset, or it has a class that
      is not among the names.
  """
  path = pathlib.Path(data).expanduser()
  if path.is_dir():
    dataset: Reader = ImageFolder(path, mode=None)
  elif path.exists() or path.suffix == ".npz":
    dataset = NpzImages(path)
  else:
    dataset = _by_name(data, split)
  if names is not None:
    dataset = InOrder(dataset, names)
  return dataset if size is None else Resized(dataset, size)


def _by_name(data, split):
  try:
    return DatasetImages(load(data, split, unknown_labels=True))
  except ValueError as error:
    # Some TFDS names contain a slash as well.
    if "/" in data:
      raise ValueError(
        f"{data} is not a file or folder, and {error}"
      ) from error
    raise
