"""Adversarial images as files: an archive of arrays, and PNG of 8 bits."""

import pathlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL.Image

from experiments.adversarial_examples.figures import Attacked
from robust_jax.files import atomic_write


def to_8_bits(x: np.ndarray) -> np.ndarray:
  """Rounds images in [0, 1] to 8 bits per channel, uint8."""
  return np.rint(255 * x).astype(np.uint8)


def write_npz(path: pathlib.Path, found: Attacked, **more: Any) -> None:
  """Writes images, and what the model answers, to an `.npz`.

  It has `x` and `x_adv [N, H, W, C]`, `labels [N]`, the model's `predictions
  [N]` for x_adv, `misclassified [N]`, and further arrays.
  """
  with atomic_write(path) as new:
    np.savez_compressed(
      new,
      x=found.images.x,
      x_adv=found.x_adv,
      labels=found.images.labels,
      predictions=found.predictions,
      misclassified=found.misclassified,
      **more,
    )


def write_pngs(folder: pathlib.Path, found: Attacked) -> None:
  """Writes each adversarial image as `CLASS/NUMBER.png`, in 8 bits.

  NUMBER is the place of the image in the arrays of `write_npz`. The folder is
  one of class folders, as `--data` and other libraries read it.

  Args:
    folder: the folder, created if missing.
    found: images of one or three channels.
  """
  names = _folder_names(found.images.class_names)
  pixels = to_8_bits(found.x_adv)
  pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
  for number, label in enumerate(found.images.labels):
    path = folder / names[label] / f"{number:06d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as new:
      PIL.Image.fromarray(pixels[number]).save(new)


def _folder_names(class_names: Sequence[str]) -> list[str]:
  """Returns names that are safe in a path; numbers if two are the same."""
  names = [re.sub(r"[^\w.-]+", "_", name).lstrip(".") for name in class_names]
  distinct = all(names) and len(set(names)) == len(names)
  return names if distinct else [str(i) for i in range(len(names))]
