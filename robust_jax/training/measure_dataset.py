"""Measurement of a model on a whole dataset."""

from collections.abc import Callable

import numpy as np

from robust_jax import metrics, precision
from robust_jax.data.loader import Loader
from robust_jax.types import Key, Metrics, PyTree


@precision.evaluation()
def measure_dataset(
  measure: Callable[[PyTree, PyTree, PyTree, Key, int], Metrics],
  model: PyTree,
  loader: Loader,
  device_data: PyTree,
  key: Key,
  on_batch: Callable[[int], None] = lambda done: None,
) -> dict[str, float | np.ndarray]:
  """Averages metrics over all examples of a loader.

  Matrix products have the precision of `precision.evaluation`.

  Args:
    measure: a function compiled by `parallel.pmap_evaluate`.
    model: the first argument of `measure`: a frozen model, a training State...
    loader: a finite loader, with one pass over the dataset.
    device_data: `loader.device_data`, replicated.
    key: folded with the index of each batch.
    on_batch: called after each batch with the number of batches done.

  Returns:
    The averages by name, see `metrics.result`.
  """
  total: Metrics = {}
  for index, indices in enumerate(loader.indices(0)):
    values = measure(model, device_data, indices, key, index)
    total = metrics.merge(total, values) if total else values
    on_batch(index + 1)
  return metrics.result(total)
