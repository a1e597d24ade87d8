"""Trained with one image library, served with another."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from robust_jax.comparison.predictors.predict import Predict, predict_batches
from robust_jax.comparison.predictors.read_outputs import read_outputs
from robust_jax.data.readers.decode import DECODERS, decode, library
from robust_jax.data.readers.resize_image import RESIZERS, resize

_NEEDS = {"pillow": "PIL.Image", "opencv": "cv2", "ffmpeg": "av"}


class SystemNoise(NamedTuple):
  """D decoders by R resizers, those that are installed here.

  Attributes:
    decoders: their names, the one of training first.
    resizers: likewise.
    classes: int `[D, R, N]`, what was answered; -1 is no answer.
    accuracy: `[D, R]`, the fraction of images that are answered right. Its
      mean, standard deviation and minimum are what the benchmark reports.
    changed: `[D, R]`, the fraction of images answered otherwise than with the
      libraries of training, `[0, 0]`.
    missing: decoders and resizers that were left out -> why.
  """

  decoders: tuple[str, ...]
  resizers: tuple[str, ...]
  classes: np.ndarray
  accuracy: np.ndarray
  changed: np.ndarray
  missing: dict[str, str]


class Libraries(NamedTuple):
  """Those that are installed here.

  Attributes:
    decoders: their names, the one of training first.
    resizers: likewise.
    missing: decoders and resizers that are left out -> why.
  """

  decoders: tuple[str, ...]
  resizers: tuple[str, ...]
  missing: dict[str, str]


def libraries(
  trained_with: tuple[str, str] = ("pillow", "pillow_bilinear"),
) -> Libraries:
  """What there is to read and resize with.

  Raises:
    ValueError: the libraries of training are unknown or not installed.
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
  """Of the package that an installed decoder or resizer is of."""
  return library(_NEEDS[name.partition("_")[0]]).__version__


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
  """Answers to the same files through every decoder and resizer there is.

  Args:
    predict: the model, on 8-bit images.
    encoded: N contents of image files, JPEG above all.
    labels: int `[N]`.
    num_classes: K.
    size: height and width that images are resized to, whatever their shape.
    crop: height and width of the middle that is kept.
    trained_with: decoder and resizer of the training data.

  Raises:
    ValueError: no images, another number of labels, a file that cannot be read,
      or the libraries of training are not installed.

  Source: Tang et al. 2021, "RobustART: Benchmarking Robustness on Architecture
  Design and Training Techniques", whose ImageNet-S this is, by another name as
  that is taken.
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
      images = [_middle(resize(p, size, resizer), crop) for p in pictures]
      answers = predict_batches(predict, images, num_classes)
      classes[row, column] = read_outputs(answers, num_classes).classes
  return SystemNoise(
    decoders,
    resizers,
    classes,
    accuracy=(classes == labels).mean(axis=2),
    changed=(classes != classes[0, 0]).mean(axis=2),
    missing=missing,
  )


def _missing() -> dict[str, str]:
  """What needs a package that is not installed -> what to do."""
  found = {}
  for name in (*DECODERS, *RESIZERS):
    try:
      library(_NEEDS[name.partition("_")[0]])
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


def _middle(image: np.ndarray, crop: tuple[int, int]) -> np.ndarray:
  """The middle of the image, at most all of it."""
  top, left = (
    max((have - want) // 2, 0)
    for have, want in zip(image.shape, crop, strict=False)
  )
  return image[top : top + crop[0], left : left + crop[1]]
