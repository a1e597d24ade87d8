"""Datasets of 8-bit images of one shape with a class each."""

from collections.abc import Callable, Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.data.dataset import Dataset, allocate, describe
from robust_jax.types import Array, Batch, PyTree

# Records decoded at a time. All at once would need three times the memory: for
# records, images and the resulting array.
_CHUNK = 1024


def image_dataset(
  name: str,
  image_shape: tuple[int, int, int],
  num_classes: int,
  num_examples: int,
  read_pairs: Callable[[list[int]], Iterable[tuple[np.ndarray, int]]],
  *,
  class_names: Sequence[str] | None = None,
  unknown_labels: bool = False,
) -> Dataset:
  """Makes a dataset of images `x`, uint8 `[H, W, C]`, and classes `y`, int32.

  Images are decoded to float32 in [0, 1].

  Args:
    name: name in error messages.
    image_shape: `(H, W, C)`.
    num_classes: K; labels are in 0..K-1.
    num_examples: number of examples.
    read_pairs: `(list of indices) -> (image uint8 [H, W, C], label)` for each,
      in that order. It must be thread-safe.
    class_names: K names; by default the numbers of the classes.
    unknown_labels: whether a label may be -1, for an unknown class.

  Returns:
    A `Dataset`. Its `read` raises ValueError where an image is not uint8 of
    `image_shape`, or a label is not an integer in its range.

  Raises:
    ValueError: the number of names is not the number of classes.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.images import image_dataset
    >>> pair = lambda i: (np.full((2, 2, 1), 255, np.uint8), i % 2)
    >>> pairs = lambda rows: map(pair, rows)
    >>> dataset = image_dataset("toy", (2, 2, 1), 2, 4, pairs)
    >>> dataset.read(np.array([3, 0]))["y"].tolist()
    [1, 0]
  """
  class_names = tuple(class_names or map(str, range(num_classes)))
  if len(class_names) != num_classes:
    raise ValueError(
      f"{len(class_names)} class names for {num_classes} classes of '{name}': "
      "expected one each."
    )
  spec = {
    "x": jax.ShapeDtypeStruct(tuple(image_shape), np.uint8),
    "y": jax.ShapeDtypeStruct((), np.int32),
  }
  lowest = -1 if unknown_labels else 0

  def read(indices):
    stored = allocate(spec, len(indices))
    for start in range(0, len(indices), _CHUNK):
      chunk = np.asarray(indices[start : start + _CHUNK]).tolist()
      for row, (image, label) in enumerate(read_pairs(chunk), start):
        _check_image(name, indices[row], image, spec["x"])
        _check_label(name, indices[row], label, lowest, num_classes)
        stored["x"][row], stored["y"][row] = image, label
    return stored

  info = {
    "num_classes": num_classes,
    "class_names": class_names,
    "image_shape": tuple(image_shape),
  }
  return Dataset(name, spec, num_examples, read, decode_images, info)


def decode_images(stored: dict[str, PyTree]) -> Batch:
  """Decodes images `x` to float32 in [0, 1]; other fields are unchanged."""
  return {**stored, "x": unit_interval(stored["x"])}


def unit_interval(images: Array) -> Array:
  """Converts uint8 images in 0..255 to float32 in [0, 1]."""
  # XLA turns a division into this product, NumPy does not; so both agree.
  return jnp.asarray(images, jnp.float32) * (1 / 255)


def image_shape(dataset: Dataset) -> tuple[int, int, int]:
  """Returns `(H, W, C)` of a dataset of images.

  Raises:
    ValueError: the inputs are not uint8 images.
  """
  x = dataset.field("x")
  if not hasattr(x, "shape") or len(x.shape) != 3 or x.dtype != np.uint8:
    raise ValueError(
      f"inputs `x` of dataset '{dataset.name}' are {describe(x)}: expected "
      "images, uint8 [H, W, C]."
    )
  return x.shape


def _check_image(name, index, image, spec):
  if image.shape != spec.shape or image.dtype != spec.dtype:
    raise ValueError(
      f"image {index} of '{name}' is {image.dtype} {image.shape}: "
      f"expected uint8 {spec.shape}. Prepare the dataset anew with "
      "8-bit images of one size."
    )


def _check_label(name, index, label, lowest, num_classes):
  if not np.issubdtype(np.asarray(label).dtype, np.integer):
    raise ValueError(
      f"label {index} of '{name}' is {label!r}: expected an integer."
    )
  if not lowest <= label < num_classes:
    raise ValueError(
      f"label {index} of '{name}' is {label}: expected "
      f"{lowest}..{num_classes - 1}. A split whose labels are kept secret "
      "(often -1) cannot be used for training or evaluation."
    )
