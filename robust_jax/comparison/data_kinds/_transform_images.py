"""Transformations of images, on devices or on the host."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.comparison.transformation import Transformation
from robust_jax.corruptions.random import image_keys
from robust_jax.types import Model


def transform_images(
  transformation: Transformation,
  images: np.ndarray,
  numbers: np.ndarray,
  level: int,
  seed: int,
  batch_size: int,
  labels: np.ndarray | None = None,
  logits_fn: Model | None = None,
) -> np.ndarray:
  """Applies a transformation to a batch of images; see `DataKind.transform`.

  Args:
    transformation: the transformation.
    images: uint8 `[B, H, W, C]`, B <= batch_size.
    numbers: uint32 `[B]`, the `example_number` of each image.
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
