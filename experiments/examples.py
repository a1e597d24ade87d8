"""Examples of image datasets, as numpy arrays on the host."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from robust_jax import checks
from robust_jax.data.concatenate import concatenate
from robust_jax.data.dataset import Dataset
from robust_jax.data.loader import Loader


class Examples(NamedTuple):
  """Examples of a dataset.

  Attributes:
    x: images `[N, H, W, C]`, float32 in [0, 1].
    y: classes `[N]`.
  """

  x: np.ndarray
  y: np.ndarray


def loaded_examples(loader: Loader) -> Examples:
  """Reads all examples of an evaluation loader, decoded."""
  decode = jax.jit(loader.decode)
  batches = [
    jax.device_get(decode(loader.device_data, indices))
    for indices in loader.indices(0)
  ]
  real = np.concatenate([b["mask"] for b in batches]) > 0
  x, y = (np.concatenate([b[name] for b in batches])[real] for name in "xy")
  return Examples(x, y)


def first_examples(dataset: Dataset, num_examples: int) -> Examples:
  """Reads the first examples of a dataset; all, if there are fewer.

  Raises:
    ValueError: num_examples is below 1.
  """
  checks.at_least_one("num_examples", num_examples)
  return read_examples(dataset, np.arange(min(num_examples, len(dataset))))


def spread_examples(datasets: Sequence[Dataset], num_examples: int) -> Examples:
  """Reads examples spread evenly over datasets; all, if there are fewer."""
  dataset = concatenate(datasets)
  count = min(num_examples, len(dataset))
  indices = np.linspace(0, len(dataset) - 1, count).astype(int)
  return read_examples(dataset, indices)


def read_examples(dataset: Dataset, indices: np.ndarray) -> Examples:
  """Reads the examples of the indices `[N]`."""
  batch = dataset.read(indices)
  return Examples(np.asarray(batch["x"], np.float32) / 255, batch["y"])
