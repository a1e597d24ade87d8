"""One pass of a measurement over a dataset."""

from collections.abc import Callable

import numpy as np

from robust_jax import metrics, precision
from robust_jax.data.loader import Loader
from robust_jax.types import Key, Metrics, PyTree


@precision.evaluation()
def run_evaluation(
  measure: Callable[[PyTree, PyTree, PyTree, Key, int], Metrics],
  subject: PyTree,
  loader: Loader,
  device_data: PyTree,
  key: Key,
  on_batch: Callable[[int], None] = lambda done: None,
) -> dict[str, float | np.ndarray]:
  """The averages over every example of `loader`.

  Models multiply at the precision of `precision.evaluation`.

  Args:
    measure: a function compiled by `parallel.pmap_evaluate`.
    subject: its first argument: a training state, a frozen model, ...
    loader: of an evaluation.
    device_data: that of the loader, replicated.
    key: folded with the number of each batch.
    on_batch: called with the number of batches done.
  """
  total = None
  for index, indices in enumerate(loader.indices(0)):
    values = measure(subject, device_data, indices, key, index)
    total = values if total is None else metrics.merge(total, values)
    on_batch(index + 1)
  return metrics.result(total)
