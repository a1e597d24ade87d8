"""Rows of an input, its translations and its target, as `pictures`."""

from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments import build
from experiments.sample import ImageGrid
from robust_jax import checks, precision
from robust_jax.data.dataset import Dataset
from robust_jax.models.inference import ImageTranslator


def translations(
  config: ConfigDict, num_examples: int = 8, seed: int = 0
) -> Mapping[str, Callable[[ImageTranslator], ImageGrid]]:
  """Held-out inputs, each followed by its translation and its target.

  Args:
    config: config of a run of `tasks.pix2pix`.
    num_examples: number of pairs, each of which has a row.
    seed: of the noise, which is the same in all pictures.

  Returns:
    The function "translations" of an image translator.

  Raises:
    ValueError: num_examples is below 1.
  """
  checks.at_least_one("pictures.num_examples", num_examples)
  held_out = build.dataset(config, "validation")

  @precision.evaluation()
  def draw(translator: ImageTranslator) -> ImageGrid:
    return translated_rows([translator], held_out, num_examples, seed)

  return {"translations": draw}


def translated_rows(
  translators: Sequence[ImageTranslator],
  pairs: Dataset,
  num_examples: int,
  seed: int = 0,
) -> ImageGrid:
  """Rows of an input, its translations and its target.

  Args:
    translators: the translators, each of which has a column.
    pairs: dataset of pairs, of which examples spread over it are drawn.
    num_examples: number of rows; all, if there are fewer pairs.
    seed: of the noise.
  """
  count = min(num_examples, len(pairs))
  rows = np.linspace(0, len(pairs) - 1, count).astype(int)
  batch = jax.jit(pairs.decode)(pairs.read(rows))
  key = jax.random.key(seed)
  columns = [
    batch["x"],
    *(_sample(translator, key, batch["x"]) for translator in translators),
    batch["y"],
  ]
  channels = max(column.shape[-1] for column in columns)
  # Gray images beside colored ones are repeated in every channel.
  alike = [np.repeat(c, channels // c.shape[-1], axis=-1) for c in columns]
  images = np.stack(alike, axis=1).reshape(-1, *alike[0].shape[1:])
  return ImageGrid(images, len(columns))


_sample = jax.jit(ImageTranslator.sample)
