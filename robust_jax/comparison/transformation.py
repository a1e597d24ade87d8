"""Transformations of images at several levels, and families of them."""

import dataclasses
import functools
import zlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.corruptions.random import image_keys
from robust_jax.types import Model

Change = Callable[..., Any]
"""A change of images.

On devices it is `(keys [B], x [B, H, W, C] in [0, 1], level) -> x'`, in
multiples of 1/255 as in `corruptions.base`; on the host `(images [B, H, W, C],
level) -> images'` in uint8; against a model `(logits_fn, x, labels [B], level)
-> x'`, deterministic.
"""

Shapes = Collection[tuple[int, int, int]]
"""Shapes (H, W, C) of images."""

LEVELS = (1, 2, 3, 4, 5)


@dataclasses.dataclass(frozen=True, eq=False)
class Transformation:
  """One change at several levels.

  Attributes:
    name: distinct name in its family, to which randomness is keyed.
    change: the change. It must not depend on other images of the batch.
    levels: increasing; larger is harder.
    labels: each level in words and units, such as "10 degrees".
    on_host: whether the change is one of uint8 on the host.
    of_model: whether the change is an attack on a model; each model then sees
      its own images.

  Raises:
    ValueError: there is no level, or not one label per level.
  """

  name: str
  change: Change
  levels: Sequence[int] = LEVELS
  labels: Sequence[str] = tuple(f"level {level} of 5" for level in LEVELS)
  on_host: bool = False
  of_model: bool = False

  def __post_init__(self):
    if len(self.levels) != len(self.labels) or not self.levels:
      raise ValueError(
        f"'{self.name}' has {len(self.levels)} levels and {len(self.labels)} "
        "labels: expected one label for each of one level or more."
      )


class Family(NamedTuple):
  """Transformations that belong together.

  Attributes:
    about: description in one sentence for readers of a report.
    transformations: empty where the family does not apply to the images.
    by_default: whether it is used where no families are named.
  """

  about: str
  transformations: Sequence[Transformation]
  by_default: bool = True


def image_number(name: str) -> int:
  """Returns the number of an image, 0..2^32 - 1, for its random keys."""
  return zlib.crc32(name.encode())


def transformed(
  transformation: Transformation,
  images: np.ndarray,
  numbers: np.ndarray,
  level: int,
  seed: int,
  batch_size: int,
  labels: np.ndarray | None = None,
  logits_fn: Model | None = None,
) -> np.ndarray:
  """Applies a transformation to a batch.

  The result depends only on (seed, number, name, level) and the image.

  Args:
    transformation: the transformation.
    images: uint8 `[B, H, W, C]`, B <= batch_size.
    numbers: uint32 `[B]`, the `image_number` of each image.
    level: one of `transformation.levels`.
    seed: seed of the whole evaluation.
    batch_size: size to which batches are padded, so that batches of all sizes
      and all levels share one compiled program.
    labels: int `[B]`, for an attack on a model.
    logits_fn: that model.

  Returns:
    uint8 `[B, H, W, C]`.

  Raises:
    ValueError: the change did not return images of the same kind.
  """
  if transformation.on_host:
    # A copy, since the change may write into its argument.
    result = np.asarray(transformation.change(images.copy(), level))
  else:
    missing = batch_size - len(images)
    padding = [(0, missing)] + [(0, 0)] * 3
    padded = np.pad(images, padding, mode="edge")
    fill = lambda values: np.pad(values, padding[:1], mode="edge")
    if transformation.of_model:
      result = _program_of_model(
        transformation.change, logits_fn, padded, fill(labels), level
      )
    else:
      result = _program(
        transformation.change,
        transformation.name,
        padded,
        fill(numbers),
        level,
        seed,
      )
    result = np.asarray(result)[: len(images)]
  if result.shape != images.shape or result.dtype != np.uint8:
    raise ValueError(
      f"'{transformation.name}' made {result.dtype} {result.shape} of uint8 "
      f"{images.shape}: expected images of the same kind."
    )
  return result


@functools.partial(jax.jit, static_argnums=(0, 1))
def _program(change, name, images, numbers, level, seed):
  keys = image_keys(seed, numbers, name, level)
  changed = change(keys, images.astype(jnp.float32) / 255, level)
  return jnp.round(255 * changed).astype(jnp.uint8)


@functools.partial(jax.jit, static_argnums=0)
def _program_of_model(change, logits_fn, images, labels, level):
  changed = change(logits_fn, images.astype(jnp.float32) / 255, labels, level)
  return jnp.round(255 * changed).astype(jnp.uint8)
