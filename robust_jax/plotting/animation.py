"""Pictures one after the other, as an animation."""

import pathlib
from collections.abc import Sequence

import PIL.Image

from robust_jax.files import atomic_write


def save_animation(
  path: pathlib.Path,
  pictures: Sequence[pathlib.Path],
  milliseconds: int = 200,
) -> None:
  """Writes an animation that repeats, and stays at its last picture longer.

  Args:
    path: path of the animation, a .webp or a .gif.
    pictures: paths of its pictures in order, at least one, all of one size.
    milliseconds: duration of a picture; the last one has five times as much.

  Raises:
    ValueError: there are no pictures, or they are of several sizes.
  """
  frames = [PIL.Image.open(picture).convert("RGB") for picture in pictures]
  sizes = {frame.size for frame in frames}
  if len(sizes) != 1:
    raise ValueError(
      f"{path}: {len(frames)} pictures of the sizes {sorted(sizes)}: expected "
      "one size, and at least one picture."
    )
  durations = [milliseconds] * (len(frames) - 1) + [5 * milliseconds]
  with atomic_write(path) as new:
    frames[0].save(
      new,
      save_all=True,
      append_images=frames[1:],
      duration=durations,
      loop=0,
      lossless=True,
    )
