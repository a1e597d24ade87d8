"""System noise: image libraries that differ from those of training."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.comparison.predictors.predict import Predict, predict_batches
from robust_jax.comparison.predictors.read_outputs import read_outputs
from robust_jax.data.readers.decode import DECODERS, decode, import_library
from robust_jax.data.readers.resize_image import RESIZERS, resize

_NEEDS = {"pillow": "PIL.Image", "opencv": "cv2", "ffmpeg": "av"}


class SystemNoise(NamedTuple):
  """Predictions with D decoders and R resizers that are installed.

  Attributes:
    decoders: names of the decoders, that of training first.
    resizers: names of the resizers, that of training first.
    classes: int `[D, R, N]`, predicted classes; -1 for no prediction.
    accuracy: `[D, R]`. The benchmark reports its mean, standard deviation and
      minimum.
    changed: `[D, R]`, fraction of images whose prediction differs from that
      with the libraries of training, `[0, 0]`.
    missing: decoders and resizers that were left out -> reason.
  """

  decoders: tuple[str, ...]
  resizers: tuple[str, ...]
  classes: np.ndarray
  accuracy: np.ndarray
  changed: np.ndarray
  missing: dict[str, str]


class Libraries(NamedTuple):
  """Installed libraries.

  Attributes:
    decoders: names of the decoders, that of training first.
    resizers: names of the resizers, that of training first.
    missing: decoders and resizers that are left out -> reason.
  """

  decoders: tuple[str, ...]
  resizers: tuple[str, ...]
  missing: dict[str, str]


def libraries(
  trained_with: tuple[str, str] = ("pillow", "pillow_bilinear"),
) -> Libraries:
  """Returns the installed decoders and resizers.

  Args:
    trained_with: decoder and resizer of the training data.

  Raises:
    ValueError: those of training are unknown or not installed.
  """
  missing = _missing()
  for name in trained_with:
    if name in missing:
      raise ValueError(f"trained_with = {trained_with}: {missing[name]}")
  return Libraries(
    _ordered(DECODERS, trained_with[0], missing),
    _ordered(RESIZERS, trained_with[1], missing),
    missing,
  )


def version(name: str) -> str:
  """Returns the version of the package of a decoder or resizer."""
  return import_library(_NEEDS[name.partition("_")[0]]).__version__


def system_noise(
  predict: Predict,
  encoded: Sequence[bytes],
  labels: np.ndarray,
  num_classes: int,
  *,
  size: tuple[int, int] = (256, 256),
  crop: tuple[int, int] = (224, 224),
  trained_with: tuple[str, str] = ("pillow", "pillow_bilinear"),
) -> SystemNoise:
  """Evaluates a model on the same files read by every decoder and resizer.

  Args:
    predict: the model as a function of 8-bit images.
    encoded: N contents of image files, typically JPEG.
    labels: int `[N]`.
    num_classes: K.
    size: height and width that images are resized to, ignoring their aspect
      ratio.
    crop: height and width of the central crop.
    trained_with: decoder and resizer of the training data.

  Returns:
    A `SystemNoise`.

  Raises:
    ValueError: there are no images, the number of labels differs, a file cannot
      be read, or the libraries of training are not installed.

  Source: Tang et al. 2021, "RobustART: Benchmarking Robustness on Architecture
    Design and Training Techniques" (ImageNet-S).
  Deviation: named differently, since another dataset is called ImageNet-S.
  """
  labels = np.asarray(labels)
  if len(encoded) == 0 or labels.shape != (len(encoded),):
    raise ValueError(
      f"{len(encoded)} images and labels of shape {labels.shape}: expected at "
      "least one image, and a label for each."
    )
  decoders, resizers, missing = libraries(trained_with)
  classes = np.empty((len(decoders), len(resizers), len(labels)), np.int64)
  for row, decoder in enumerate(decoders):
    pictures = [decode(data, decoder) for data in encoded]
    for column, resizer in enumerate(resizers):
      images = [_center_crop(resize(p, size, resizer), crop) for p in pictures]
      outputs = predict_batches(predict, images, num_classes)
      classes[row, column] = read_outputs(outputs, num_classes).classes
  return SystemNoise(
    decoders,
    resizers,
    classes,
    accuracy=(classes == labels).mean(axis=2),
    changed=(classes != classes[0, 0]).mean(axis=2),
    missing=missing,
  )


def _missing() -> dict[str, str]:
  """Returns decoders and resizers that are not installed -> remedy."""
  found = {}
  for name in (*DECODERS, *RESIZERS):
    try:
      import_library(_NEEDS[name.partition("_")[0]])
    except ValueError as error:
      found[name] = str(error)
  return found


def _ordered(names, first, missing):
  if first not in names:
    raise ValueError(
      f"trained_with names '{first}': expected one of {', '.join(names)}."
    )
  rest = [name for name in names if name != first and name not in missing]
  return (first, *rest)


def _center_crop(image: np.ndarray, crop: tuple[int, int]) -> np.ndarray:
  """Returns the central crop of an image, at most all of it."""
  top, left = (
    max((length - cropped) // 2, 0)
    for length, cropped in zip(image.shape, crop, strict=False)
  )
  return image[top : top + crop[0], left : left + crop[1]]
