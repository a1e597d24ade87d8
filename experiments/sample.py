"""Samples of a trained generator, as a picture."""

import math
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.cli import output
from experiments.load_run import Run
from robust_jax import precision
from robust_jax.models.inference import Generator
from robust_jax.plotting.image_grid import save_image_grid
from robust_jax.types import Array

_AT_ONCE = 64  # images that are generated together
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class ImageGrid(NamedTuple):
  """Images in reading order, `[N, H, W, C]` in [0, 1], and columns of a grid.

  Without a number of columns the grid is about square.
  """

  images: np.ndarray
  columns: int | None


def sample(
  run: Run,
  path: pathlib.Path,
  num_examples: int,
  *,
  seed: int = 0,
  classes: Sequence[int] | None = None,
  truncation: float | None = None,
  walk: bool = False,
) -> np.ndarray:
  """Writes samples of a run's generator as one picture, see `draw_samples`.

  Args:
    run: a run that deploys a generator of images.
    path: path of the picture, a .png, .jpg or .webp.
    num_examples: as for `draw_samples`.
    seed: as for `draw_samples`.
    classes: as for `draw_samples`.
    truncation: as for `draw_samples`.
    walk: as for `draw_samples`.

  Returns:
    The samples `[N, H, W, C]` in [0, 1], in reading order.

  Raises:
    ValueError: the run deploys no generator, one of vectors, or one without
      these classes, or the path has another suffix.
  """
  if path.suffix not in _SUFFIXES:
    raise ValueError(
      f"--out={path}: expected a picture, named {', '.join(_SUFFIXES)}."
    )
  images, columns = draw_samples(
    run.generator(),
    num_examples,
    seed=seed,
    classes=classes,
    truncation=truncation,
    walk=walk,
  )
  output.writable(path.parent, "--out")
  save_image_grid(path, images, columns=columns)
  return images


@precision.evaluation()
def draw_samples(
  generator: Generator,
  num_examples: int,
  *,
  seed: int = 0,
  classes: Sequence[int] | None = None,
  truncation: float | None = None,
  walk: bool = False,
) -> ImageGrid:
  """Samples of a generator of images, arranged as a grid.

  Several classes have a row each, with `num_examples` divided by their number,
  rounded up, in every row. All rows have the same latents. A sample depends on
  the seed, its class and its place in the row alone, so more samples begin with
  the same ones.

  On a walk the latents of a row go from one random latent a to another one b,
  on the path cos(t) a + sin(t) b, each point of which is standard normal. Rows
  without classes go on where the row before ended.

  Args:
    generator: generator of images.
    num_examples: number of samples.
    seed: of the latents.
    classes: of a class-conditional generator; None for all.
    truncation: see `models.inference.Generator.latents`.
    walk: whether neighbors in a row are neighbors on a walk.

  Raises:
    ValueError: the generator has no such class, or its samples are no images.
  """
  rows = _checked_classes(generator, classes)
  columns = -(-num_examples // len(rows))
  if walk and len(rows) == 1:
    columns = math.ceil(math.sqrt(num_examples))
    rows *= -(-num_examples // columns)
  key, size = jax.random.key(seed), generator.latent_size
  if walk:
    num_walks = 1 if len(set(rows)) > 1 else len(rows)
    z = _walks(generator.latents(key, num_walks + 1, truncation), columns)
  else:
    z = generator.latents(key, columns, truncation)[None]
  same = np.broadcast_to(z, (len(rows), columns, size)).reshape(-1, size)
  images = _generate(generator, same, np.repeat(rows, columns))
  if images.ndim != 4:
    raise ValueError(
      f"samples are arrays of shape {images.shape[1:]}: expected images "
      "[H, W, C], which can be drawn."
    )
  return ImageGrid(images, columns if len(rows) > 1 else None)


def _checked_classes(
  generator: Generator, classes: Sequence[int] | None
) -> list[int]:
  """The class of each row; a generator without classes has one row.

  Raises:
    ValueError: the generator has no such class.
  """
  known = range(generator.num_classes)
  if classes is None:
    return list(known) or [0]
  if not known:
    raise ValueError(
      "classes of a generator that takes no labels: expected none. Leave "
      "--classes out, or choose a class-conditional run."
    )
  for number in classes:
    if number not in known:
      raise ValueError(
        f"class {number}: expected one of 0 to {known[-1]}, which the "
        "generator was trained with."
      )
  return list(classes)


def _walks(ends: Array, num_points: int) -> Array:
  """Points from each of `[R + 1, Z]` towards the next, `[R, num_points, Z]`."""
  angle = jnp.pi / 2 * jnp.arange(num_points)[:, None] / num_points
  return jnp.cos(angle) * ends[:-1, None] + jnp.sin(angle) * ends[1:, None]


def _generate(
  generator: Generator, z: np.ndarray, classes: np.ndarray
) -> np.ndarray:
  """Generates samples of latents and classes, always as many at once."""
  missing = -len(z) % _AT_ONCE
  batches = [
    np.asarray(_of_classes(generator, *batch))
    for batch in zip(
      np.pad(z, ((0, missing), (0, 0))).reshape(-1, _AT_ONCE, z.shape[1]),
      np.pad(classes, (0, missing)).reshape(-1, _AT_ONCE),
      strict=True,
    )
  ]
  return np.concatenate(batches)[: len(z)]


@jax.jit
def _of_classes(generator: Generator, z: Array, classes: Array) -> Array:
  return generator.of_classes(z, classes)
