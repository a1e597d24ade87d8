"""Clusters of examples that are not independent, such as boxes of an image."""

import numpy as np

from robust_jax.statistics.hypothesis_tests import exact_sign_flip_test


def cluster_sums(table: np.ndarray, clusters: np.ndarray | None) -> np.ndarray:
  """Sums of the rows of each cluster, which are independent of each other.

  A statistic of column sums has the same value for both tables. Resampling or
  flipping rows of the sums does so to whole clusters.

  Args:
    table: `[N, ...]`, one row per example.
    clusters: int `[N]`, or None where each example is a cluster of its own.

  Returns:
    `[C, ...]`, clusters in the order of their first examples; the table itself
    without clusters.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.clusters import cluster_sums
    >>> cluster_sums(np.array([1, 2, 4]), np.array([7, 3, 7])).tolist()
    [5, 2]
  """
  if clusters is None:
    return table
  _, first, index = np.unique(clusters, return_index=True, return_inverse=True)
  place = np.argsort(np.argsort(first))
  sums = np.zeros((len(first), *table.shape[1:]), table.dtype)
  np.add.at(sums, place[index], table)
  return sums


def compare_binary(
  a: np.ndarray, b: np.ndarray, clusters: np.ndarray | None
) -> np.ndarray:
  """Exact paired test of binary outcomes: two-sided p-values.

  It is the exact McNemar test where each example is a cluster of its own, and
  flips the signs of whole clusters otherwise.

  Args:
    a: bool `[N, M]` of the first model.
    b: bool `[N, M]` of the second, for the same examples.
    clusters: int `[N]`, or None.

  Returns:
    p-values `[M]`.

  Example:
    >>> import numpy as np
    >>> from robust_jax.statistics.clusters import compare_binary
    >>> a, b = np.ones((6, 1), bool), np.zeros((6, 1), bool)
    >>> compare_binary(a, b, None).tolist()  # 2 / 2^6
    [0.03125]
    >>> compare_binary(a, b, np.array([0, 0, 0, 1, 1, 1])).tolist()
    [0.5]
  """
  return exact_sign_flip_test(cluster_sums(a.astype(int) - b, clusters))
