"""Conversion of the domains of an adaptation to a common shape."""

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np

from robust_jax.data import images
from robust_jax.data.dataset import Dataset

# Number of examples, spread over a domain, that are inspected.
_SAMPLE = 2048

# Among so many images of a real domain in 0..255 some value exceeds this; in
# one with values in 0..1 or 0..16 none does.
_DARK = 127


def match_shapes(
  sources: Sequence[Dataset],
  target: Dataset,
  image_shape: tuple[int, int, int] | None = None,
) -> tuple[list[Dataset], Dataset]:
  """Converts the domains to one image shape and checks their compatibility.

  Gray images are converted to color by repetition. Other sizes are reached by
  bilinear interpolation (with antialiasing), rounded to 8 bits. Images are
  converted as they are read.

  Args:
    sources: one or several source domains of images with classes.
    target: target domain. Its labels, if present, are only used to check for
      unknown classes; -1 is an unknown label, accepted for training but not for
      evaluation.
    image_shape: `(H, W, C)`; by default the largest height, width and number of
      channels among the domains.

  Returns:
    The converted sources and the converted target.

  Raises:
    ValueError: there is no source; a domain has no images or a source no
      classes; numbers of classes differ; the target has examples of a class
      that no source has; a shape is invalid or unreachable (color to gray,
      other aspect ratio); or values of a domain are not in 0..255.
  """
  if not sources:
    raise ValueError("no source domain is given: expected one or more.")
  domains = (*sources, target)
  shape = tuple(image_shape or _largest(domains))
  if len(shape) != 3:
    raise ValueError(f"image_shape = {shape}: expected (H, W, C).")
  converted = [with_shape(domain, shape) for domain in domains]
  for source in sources:
    source.field("y")
    if "y" in target.spec:
      _check_number_of_classes(source, target)
  samples = [_sample(domain, _SAMPLE) for domain in domains]
  for domain, (brightest, _) in zip(domains, samples, strict=True):
    _check_range(domain, brightest)
  known = set().union(*(classes for _, classes in samples[:-1]))
  _check_classes(sources, target, samples[-1][1] - known)
  return converted[:-1], converted[-1]


def with_shape(dataset: Dataset, image_shape: tuple[int, int, int]) -> Dataset:
  """Returns the dataset with its images converted to another shape `(H, W, C)`.

  Raises:
    ValueError: the inputs are not images, color would become gray, or the
      aspect ratio would change.
  """
  if images.image_shape(dataset) == tuple(image_shape):
    return dataset
  _check_reachable(dataset, image_shape)
  height, width, channels = image_shape

  def read(indices):
    stored = dataset.read(indices)
    x = np.empty((len(indices), *image_shape), np.uint8)
    for row, image in enumerate(stored["x"]):
      x[row] = _repeat(_resize(image, height, width), channels)
    return stored | {"x": x}

  shape = tuple(image_shape)
  x = jax.ShapeDtypeStruct(shape, np.uint8)
  return dataclasses.replace(
    dataset,
    spec={**dataset.spec, "x": x},
    read=read,
    info={**dataset.info, "image_shape": shape},
  )


def _resize(image, height, width):
  if image.shape[:2] == (height, width):
    return image
  from PIL import Image  # needed only where sizes differ

  planes = [
    Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    for plane in np.moveaxis(image, -1, 0)
  ]
  return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def _repeat(image, channels):
  return np.repeat(image, channels // image.shape[-1], axis=-1)


def _largest(domains):
  return tuple(
    np.max([images.image_shape(d) for d in domains], axis=0).tolist()
  )


def _check_reachable(dataset, image_shape):
  height, width, channels = shape = images.image_shape(dataset)
  if channels not in (1, image_shape[2]):
    raise ValueError(
      f"images of '{dataset.name}' have {channels} channels, expected "
      f"{image_shape[2]}: only gray images can be converted. "
      "Choose domains that are gray or of equally many channels."
    )
  if height * image_shape[1] != width * image_shape[0]:
    raise ValueError(
      f"images of '{dataset.name}' are {shape}, expected "
      f"{tuple(image_shape)}: another aspect ratio would distort them. Crop "
      "or pad them in a builder of your own."
    )


def _check_number_of_classes(source, target):
  ours, theirs = source.fact("num_classes"), target.fact("num_classes")
  if ours != theirs:
    raise ValueError(
      f"'{source.name}' has {ours} classes, the target "
      f"'{target.name}' has {theirs}: expected the same ones. Choose "
      "domains of one task."
    )


def _check_range(domain, brightest):
  if brightest <= _DARK:
    raise ValueError(
      f"the largest value in images of '{domain.name}' is {brightest}: "
      "expected values in 0..255 like those of the other domains. Scale them "
      "when the dataset is prepared."
    )


def _check_classes(sources, target, unknown):
  # A sample may miss rare classes, so unknown ones are looked up in all data.
  for source in sources:
    if unknown:
      unknown = unknown - _sample(source, len(source))[1]
  if unknown:
    names = " and ".join(f"'{source.name}'" for source in sources)
    raise ValueError(
      f"the target '{target.name}' has examples of the classes "
      f"{sorted(unknown)}, of which {names} has none: expected a source with "
      "every class of the target. Choose another split or domain."
    )


def _sample(dataset, count):
  """Returns the largest value and the known classes of a spread-out sample."""
  count = min(count, len(dataset))
  indices = np.linspace(0, len(dataset) - 1, count).astype(int)
  brightest, classes = 0, set()
  for start in range(0, count, _SAMPLE):  # in parts, to save memory
    stored = dataset.read(indices[start : start + _SAMPLE])
    brightest = max(brightest, int(stored["x"].max()))
    classes |= set(stored.get("y", np.array([], int)).tolist())
  return brightest, {label for label in classes if label >= 0}
