"""Samples of a trained generator, as a picture or as training data."""

import math
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.cli import output
from experiments.load_run import Run
from robust_jax import precision
from robust_jax.files import atomic_write
from robust_jax.models.inference import Generator
from robust_jax.plotting.image_grid import save_image_grid
from robust_jax.training.progress import Progress
from robust_jax.types import Array

_ARRAYS = ".npz"
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
  """Writes samples of a run's generator, as one picture or as training data.

  A picture is arranged by `draw_samples`. An `.npz` has the arrays of
  `labeled_samples`, which the section `data.extra` of a config reads.

  Args:
    run: a run that deploys a generator of images.
    path: path of the picture, a .png, .jpg or .webp, or of an .npz.
    num_examples: number of samples.
    seed: of the latents.
    classes: of a class-conditional generator; None for all.
    truncation: see `models.inference.Generator.latents`.
    walk: as for `draw_samples`.

  Returns:
    The samples `[N, H, W, C]`: in [0, 1] of a picture, in reading order, and
    uint8 of an `.npz`.

  Raises:
    ValueError: the run deploys no generator, one of vectors, or one without
      these classes, the path has another suffix, or an `.npz` is to have a
      walk.
  """
  if path.suffix not in (*_SUFFIXES, _ARRAYS):
    raise ValueError(
      f"--out={path}: expected a picture, named {', '.join(_SUFFIXES)}, or "
      f"training data, named {_ARRAYS}."
    )
  generator = run.generator()
  options: dict[str, Any] = {
    "seed": seed,
    "classes": classes,
    "truncation": truncation,
  }
  if path.suffix == _ARRAYS:
    if walk:
      raise ValueError("--walk is for pictures: leave it out for an .npz.")
    arrays = labeled_samples(generator, num_examples, **options)
    output.writable(path.parent, "--out")
    with atomic_write(path) as new:
      np.savez_compressed(new, **arrays)  # type: ignore[arg-type]
    return arrays["images"]
  images, columns = draw_samples(generator, num_examples, **options, walk=walk)
  output.writable(path.parent, "--out")
  save_image_grid(path, images, columns=columns)
  return images


@precision.evaluation()
def labeled_samples(
  generator: Generator,
  num_examples: int,
  *,
  seed: int = 0,
  classes: Sequence[int] | None = None,
  truncation: float | None = None,
) -> dict[str, np.ndarray]:
  """Samples of a generator of images, as a training set.

  Every sample has latents of its own, and classes take turns.

  Args:
    generator: generator of images.
    num_examples: number of samples N.
    seed: of the latents.
    classes: of a class-conditional generator; None for all.
    truncation: see `models.inference.Generator.latents`.

  Returns:
    `images` uint8 `[N, H, W, C]`, and `labels` int32 `[N]` if the generator is
    class-conditional.

  Raises:
    ValueError: the generator has no such class, or its samples are no images.
  """
  rows = _checked_classes(generator, classes)
  labels = np.resize(np.array(rows, np.int32), num_examples)
  z = generator.latents(jax.random.key(seed), num_examples, truncation)
  parts: list[np.ndarray] = []
  with Progress("samples", num_examples) as bar:
    for batch in _generated(generator, np.asarray(z), labels):
      parts.append(np.rint(255 * batch).astype(np.uint8))
      bar.update(min(len(parts) * _AT_ONCE, num_examples))
  arrays = {"images": np.concatenate(parts)}
  return arrays | ({"labels": labels} if generator.num_classes else {})


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
  batches = _generated(generator, same, np.repeat(rows, columns))
  images = np.concatenate([*batches])
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


def _generated(
  generator: Generator, z: np.ndarray, classes: np.ndarray
) -> Iterator[np.ndarray]:
  """Yields images of latents and classes in batches, all computed as large.

  Raises:
    ValueError: what the generator makes are no images.
  """
  for start in range(0, len(z), _AT_ONCE):
    rows = slice(start, start + _AT_ONCE)
    missing = max(start + _AT_ONCE - len(z), 0)
    images = _of_classes(
      generator,
      np.pad(z[rows], ((0, missing), (0, 0))),
      np.pad(classes[rows], (0, missing)),
    )
    if images.ndim != 4:
      raise ValueError(
        f"samples are arrays of shape {images.shape[1:]}: expected images "
        "[H, W, C]."
      )
    yield np.asarray(images)[: _AT_ONCE - missing]


@jax.jit
def _of_classes(generator: Generator, z: Array, classes: Array) -> Array:
  return generator.of_classes(z, classes)
