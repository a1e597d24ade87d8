"""Images with classes in one `.npz`, as a dataset to train on."""

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from robust_jax.data.dataset import Dataset, from_arrays
from robust_jax.data.images import decode_images
from robust_jax.data.readers.load_npz import load_npz


def npz_dataset(path: str | pathlib.Path, num_classes: int) -> Dataset:
  """The images and classes of an `.npz`, such as those of a generator.

  Args:
    path: of a file with `images` uint8 `[N, H, W, C]` and `labels` int `[N]`,
      or `image` and `label`, as the published sets of generated images have
      them.
    num_classes: K; labels lie in 0..K-1.

  Raises:
    ValueError: no such file or one that cannot be read, an array is missing or
      of another shape or dtype, or a label is out of range.

  Example:
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "generated.npz"
    >>> x, y = np.zeros((5, 8, 8, 3), np.uint8), np.arange(5)
    >>> np.savez(path, image=x, label=y)
    >>> len(npz_dataset(path, num_classes=5))
    5
  """
  arrays = load_npz(path)
  images = _first(arrays, ("images", "image"), path)
  labels = _first(arrays, ("labels", "label"), path)
  if images.dtype != np.uint8 or images.ndim != 4:
    raise ValueError(
      f"images of {path} are {images.dtype} of shape {images.shape}: expected "
      "uint8 [N, H, W, C]. Floats in [0, 1] are made so by "
      "(255 * x).round().astype('uint8')."
    )
  is_class = np.issubdtype(labels.dtype, np.integer)
  if not is_class or labels.shape != images.shape[:1]:
    raise ValueError(
      f"labels of {path} are {labels.dtype} of shape {labels.shape}: expected "
      f"int [{len(images)}], one class for each image."
    )
  if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
    raise ValueError(
      f"labels of {path} are from {labels.min()} to {labels.max()}: expected "
      f"0..{num_classes - 1}."
    )
  fields = {"x": images, "y": labels.astype(np.int32)}
  info = {"num_classes": num_classes, "image_shape": images.shape[1:]}
  return from_arrays(str(path), fields, decode_images, info)


def _first(
  arrays: Mapping[str, np.ndarray],
  names: Sequence[str],
  path: str | pathlib.Path,
) -> np.ndarray:
  for name in names:
    if name in arrays:
      return arrays[name]
  raise ValueError(
    f"{path} has {list(arrays)}: expected '{names[0]}' or '{names[1]}' in it."
  )
