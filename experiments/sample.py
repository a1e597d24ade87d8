"""Samples of a trained generator, as a picture."""

import pathlib

import jax
import numpy as np

from experiments.cli import output
from experiments.load_run import Run
from robust_jax import precision
from robust_jax.models.inference import Generator
from robust_jax.plotting.image_grid import save_image_grid

_AT_ONCE = 256  # images that are generated together
_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@precision.evaluation()
def sample(
  run: Run, path: pathlib.Path, num_examples: int, seed: int = 0
) -> np.ndarray:
  """Writes samples of a run's generator as one picture.

  A sample depends on the seed and on its place alone, so more samples begin
  with the same ones.

  Args:
    run: a run that deploys a generator of images.
    path: path of the picture, a .png, .jpg or .webp.
    num_examples: number of samples.
    seed: of the latents.

  Returns:
    The samples `[N, H, W, C]` in [0, 1].

  Raises:
    ValueError: the run deploys no generator, or one of vectors, or the path has
      another suffix.
  """
  if path.suffix not in _SUFFIXES:
    raise ValueError(
      f"--out={path}: expected a picture, named {', '.join(_SUFFIXES)}."
    )
  generator = run.deployed
  if not isinstance(generator, Generator):
    raise ValueError(
      f"{run.path} is a run of the task '{run.config.task.name}', which "
      "deploys no generator: expected a run such as that of "
      "experiments/configs/gan/mnist_r3gan.py."
    )
  output.writable(path.parent, "--out")
  images = _samples(generator, num_examples, seed)
  if images.ndim != 4:
    raise ValueError(
      f"{run.path} generates arrays of shape {images.shape[1:]}: expected "
      "images [H, W, C]."
    )
  save_image_grid(path, images)
  return images


def _samples(generator: Generator, num_examples: int, seed: int) -> np.ndarray:
  generate = jax.jit(lambda generator, key: generator.sample(key, _AT_ONCE))
  key = jax.random.key(seed)
  batches = [
    np.asarray(generate(generator, jax.random.fold_in(key, i)))
    for i in range(-(-num_examples // _AT_ONCE))
  ]
  return np.concatenate(batches)[:num_examples]
