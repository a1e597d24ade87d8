"""Concatenation of datasets."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from robust_jax.data.dataset import Dataset, allocate, describe


def concatenate(datasets: Sequence[Dataset]) -> Dataset:
  """Concatenates datasets: the examples of the first, then of the second, ...

  Entries of `info` on which all datasets agree are kept.

  Args:
    datasets: one or more datasets of equal spec and with the same `decode`.

  Returns:
    A `Dataset`.

  Raises:
    ValueError: their specs or their `decode` differ.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.concatenate import concatenate
    >>> from robust_jax.data.dataset import from_arrays
    >>> a = from_arrays("a", {"x": np.array([1.0, 2.0])})
    >>> b = from_arrays("b", {"x": np.array([3.0])})
    >>> concatenate([a, b]).read(np.array([2, 0]))["x"].tolist()
    [3.0, 1.0]
  """
  first = datasets[0]
  if len(datasets) == 1:
    return first
  for other in datasets[1:]:
    _check_alike(first, other)
  starts = np.cumsum([0, *(len(dataset) for dataset in datasets)])

  def read(indices):
    indices = np.asarray(indices)
    owners = np.searchsorted(starts, indices, side="right") - 1
    stored = allocate(dict(first.spec), len(indices))
    for number in np.unique(owners):
      rows = owners == number
      part = datasets[number].read(indices[rows] - starts[number])
      leaves = zip(jax.tree.leaves(stored), jax.tree.leaves(part), strict=True)
      for to, values in leaves:
        to[rows] = values
    return stored

  return dataclasses.replace(
    first,
    name=" + ".join(dataset.name for dataset in datasets),
    num_examples=int(starts[-1]),
    read=read,
    info={
      name: fact
      for name, fact in first.info.items()
      if all(_same(d.info.get(name), fact) for d in datasets)
    },
  )


def _same(a: Any, b: Any) -> bool:
  """Returns whether two facts are equal; they may be arrays."""
  return a is b or np.array_equal(a, b)


def _check_alike(first, other):
  if dict(first.spec) != dict(other.spec):
    raise ValueError(
      f"examples of '{first.name}' are {describe(dict(first.spec))}, those of "
      f"'{other.name}' {describe(dict(other.spec))}: expected one spec."
    )
  if first.decode is not other.decode:
    raise ValueError(
      f"'{first.name}' and '{other.name}' are decoded by different functions: "
      "expected one function, so that the examples of both mean the same."
    )
