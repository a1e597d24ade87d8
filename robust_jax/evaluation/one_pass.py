"""One pass of a measurement over a data set."""

from collections.abc import Callable

import numpy as np

from robust_jax import metrics
from robust_jax.data.feed import Feed
from robust_jax.types import Key, Metrics, PyTree


def one_pass(
  measure: Callable[[PyTree, PyTree, PyTree, Key, int], Metrics],
  subject: PyTree,
  feed: Feed,
  resident: PyTree,
  key: Key,
  on_batch: Callable[[int], None] = lambda done: None,
) -> dict[str, float | np.ndarray]:
  """The averages over every example of `feed`.

  Args:
    measure: a function compiled by `parallel.pmap_evaluate`.
    subject: its first argument: a training state, a frozen model, ...
    feed: an evaluation feed.
    resident: the feed's `resident`, replicated.
    key: folded with the number of each batch.
    on_batch: called with the number of batches done.
  """
  total = None
  for index, request in enumerate(feed.requests(0)):
    values = measure(subject, resident, request, key, index)
    total = values if total is None else metrics.merge(total, values)
    on_batch(index + 1)
  return metrics.result(total)
