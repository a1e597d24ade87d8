"""What may happen to images, at several levels, and its application."""

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
"""On devices `(keys [B], x [B, H, W, C] in [0, 1], level) -> x'` like x, in
multiples of 1/255, as `corruptions.base` says; on the host
`(images [B, H, W, C], level) -> images'`, uint8. Against a model
`(logits_fn, x, labels [B], level) -> x'`, without randomness."""

Shapes = Collection[tuple[int, int, int]]
"""(H, W, C) of images."""

LEVELS = (1, 2, 3, 4, 5)


@dataclasses.dataclass(frozen=True, eq=False)
class Transformation:
  """One change at several levels.

  Attributes:
    name: unlike all others of its family; randomness is keyed by it.
    change: what is done. It must not depend on other images of the batch.
    levels: increasing, larger is harder.
    labels: what each level is, in words and units: "10 degrees".
    on_host: the change is one of uint8 on the host.
    of_model: the change is one against a model; each meets images of its own.
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
    about: a sentence for readers of a report.
    transformations: none where the family does not apply to the images.
    by_default: whether it is taken where no families are named.
  """

  about: str
  transformations: Sequence[Transformation]
  by_default: bool = True


def image_number(name: str) -> int:
  """The number in 0..2^32 - 1 by which an image's randomness is keyed."""
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
  """uint8 `[B, H, W, C]`, a function of (seed, number, name, level) alone.

  Args:
    transformation: what is done.
    images: uint8 `[B, H, W, C]`, B <= batch_size.
    numbers: uint32 `[B]`, one `image_number` for each.
    level: one of `transformation.levels`.
    seed: of the whole evaluation.
    batch_size: what the batch is filled up to, so that batches of all sizes
      fraction one program, and all levels too.
    labels: int `[B]`, for a change against a model.
    logits_fn: that model.

  Raises:
    ValueError: the change did not return images of the same kind.
  """
  if transformation.on_host:
    # A copy, as nobody else's images may change if it writes into them.
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
