"""Loaders for domain adaptation: labeled source and unlabeled target batches.

Domains differ in size, so each is an endless stream of its own. Each stream
also has its own shuffle: MNIST-M is made of MNIST digits, and in the same order
a batch would contain every digit in both domains.
"""

import dataclasses
import functools
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.data.concatenate import concatenate
from robust_jax.data.dataset import Dataset, describe
from robust_jax.data.endless_loader import endless_loader
from robust_jax.data.loader import (
  RESIDENT_LIMIT_BYTES,
  Loader,
  evaluation_loader,
)
from robust_jax.types import Batch, PyTree


def paired_loader(
  sources: Sequence[Dataset],
  target: Dataset,
  batch_size: int,
  *,
  seed: int,
  resident_limit_bytes: int = RESIDENT_LIMIT_BYTES,
) -> Loader:
  """Batches `{"source": Batch, "target": Batch}` without end.

  The source batch has `x`, `y`, `mask` and `domain` int32 `[B]`, the number of
  the source of each row; all sources contribute equally many rows, on each
  device as well. The target batch has `mask`, its own `domain`, which is the
  next number, and the fields of the target except `y`: its labels are neither
  stored in the loader nor do they reach a step.

  Each stream is a sequence of permutations of its dataset, drawn from (seed,
  number of the stream, epoch of the stream). Nothing is skipped: a batch may
  span two epochs.

  Args:
    sources: one or several labeled datasets, with inputs of equal spec
      (`match_shapes`).
    target: dataset with inputs of the same spec. Its labels, if present, may be
      unknown.
    batch_size: B, over all processes, of each of the two batches.
    seed: seed of the orders.
    resident_limit_bytes: size of a stream above which it is streamed.

  Returns:
    A `Loader`, whose `num_steps` is an epoch of the longest stream, rounded up.

  Raises:
    ValueError: there is no source, a domain is empty, a source has no labels,
      specs of inputs differ, the batch size is not a multiple of the numbers of
      sources and devices, or the seed is negative.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.dataset import from_arrays
    >>> from robust_jax.data.paired_loader import paired_loader
    >>> x, y = np.zeros((8, 2), np.float32), np.zeros(8, np.int32)
    >>> source, target = (from_arrays(n, {"x": x, "y": y}) for n in "st")
    >>> loader = paired_loader([source], target, batch_size=8, seed=0)
    >>> batch = loader.decode(loader.device_data, next(loader.indices(0)))
    >>> sorted(batch["target"])  # no labels
    ['domain', 'mask', 'x']
  """
  checks.non_negative("seed", seed)
  checks.at_least_one("batch_size", batch_size)
  _check_domains(sources, target, batch_size)
  load = functools.partial(
    endless_loader, seed=seed, resident_limit=resident_limit_bytes
  )
  rows = batch_size // len(sources)
  labeled = [
    load(s, rows, stream=number) for number, s in enumerate(sources, 1)
  ]
  unlabeled = load(_without_labels(target), batch_size, stream=0)

  def indices(start):
    streams = zip(*(loader.indices(start) for loader in labeled), strict=True)
    pairs = zip(streams, unlabeled.indices(start), strict=True)
    return ({"source": s, "target": t} for s, t in pairs)

  def decode(device_data: PyTree, indices: PyTree) -> Batch:
    sources = zip(
      labeled, device_data["source"], indices["source"], strict=True
    )
    parts = [_decode(number, *source) for number, source in enumerate(sources)]
    target = unlabeled, device_data["target"], indices["target"]
    return {
      "source": jax.tree.map(lambda *rows: jnp.concatenate(rows), *parts),
      "target": _decode(len(labeled), *target),
    }

  device_data = {
    "source": tuple(loader.device_data for loader in labeled),
    "target": unlabeled.device_data,
  }
  num_steps = max(loader.num_steps for loader in (*labeled, unlabeled))
  return Loader(device_data, indices, decode, num_steps)


def paired_evaluation_loader(
  sources: Sequence[Dataset], target: Dataset, batch_size: int
) -> Loader:
  """Every example of both domains once, in order, with all labels.

  The shorter domain is padded with batches of mask 0.

  Args:
    sources: one or several datasets, concatenated.
    target: dataset with inputs of the same spec; its labels are for evaluation
      only.
    batch_size: B, over all processes, of each of the two batches.

  Returns:
    A `Loader`.

  Raises:
    ValueError: see `evaluation_loader`; or a domain has no labels, or specs of
      inputs differ.
  """
  _check_domains(sources, target, len(sources))
  target.field("y")
  loaders = {
    "source": evaluation_loader(concatenate(sources), batch_size),
    "target": evaluation_loader(target, batch_size),
  }
  num_steps = max(loader.num_steps for loader in loaders.values())

  def indices(start):
    streams = (_then_padding(one.indices(0)) for one in loaders.values())
    pairs = itertools.islice(zip(*streams, strict=True), start, num_steps)
    return (dict(zip(loaders, pair, strict=True)) for pair in pairs)

  def decode(device_data: PyTree, indices: PyTree) -> Batch:
    return {
      name: one.decode(device_data[name], indices[name])
      for name, one in loaders.items()
    }

  device_data = {name: one.device_data for name, one in loaders.items()}
  return Loader(device_data, indices, decode, num_steps)


def _then_padding(stream):
  for rows in stream:
    yield rows
  while True:
    yield rows | {"mask": np.zeros_like(rows["mask"])}


def _check_domains(sources, target, batch_size):
  if not sources:
    raise ValueError("no source domain is given: expected one or more.")
  if batch_size % len(sources):
    raise ValueError(
      f"batch_size = {batch_size} does not divide by {len(sources)} source "
      "domains: choose a multiple of their number."
    )
  for domain in (*sources, target):
    if len(domain) == 0:
      raise ValueError(f"'{domain.name}' is empty: expected some examples.")
    if domain.field("x") != target.field("x"):
      raise ValueError(
        f"inputs of '{domain.name}' are {describe(domain.field('x'))}, those "
        f"of the target '{target.name}' {describe(target.field('x'))}: "
        "expected one spec. Convert images to a common shape "
        "(robust_jax.data.match_shapes)."
      )
  for source in sources:
    source.field("y")


def _without_labels(dataset: Dataset) -> Dataset:
  def without(fields):
    return {name: field for name, field in fields.items() if name != "y"}

  return dataclasses.replace(
    dataset,
    spec=without(dataset.spec),
    read=lambda indices: without(dataset.read(indices)),
  )


def _decode(domain, loader, device_data, indices):
  """Decodes the rows of one stream and adds the number of their domain."""
  numbers = jnp.full(indices["mask"].shape, domain, jnp.int32)
  return {**loader.decode(device_data, indices), "domain": numbers}
