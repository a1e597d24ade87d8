"""A loader that mixes real examples with extra ones at a fixed ratio.

Extra examples are generated images, or images that a model has labeled: so many
that an epoch of both together would hardly meet the real ones.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax import checks
from robust_jax.data.dataset import Dataset, describe
from robust_jax.data.endless_loader import endless_loader
from robust_jax.data.loader import RESIDENT_LIMIT_BYTES, Loader
from robust_jax.types import Array, Batch, PyTree


def mixed_loader(
  dataset: Dataset,
  extra: Dataset,
  batch_size: int,
  *,
  extra_fraction: float,
  label_smoothing: float = 0.0,
  seed: int,
  resident_limit_bytes: int = RESIDENT_LIMIT_BYTES,
) -> Loader:
  """Batches without end, a fixed fraction of each from `extra`.

  Both datasets are streams of their own: one permutation after another of all
  its examples, drawn from the seed, the dataset and its own epoch. Each device
  has its share of the real rows, then of the extra ones.

  Args:
    dataset: the real examples, images or other inputs with classes.
    extra: the others, of the same spec, with pseudo-labels or those by which
      they were generated.
    batch_size: B, over all processes, of both together.
    extra_fraction: of each batch, rounded to whole rows; 0.7 for generated
      images in Rebuffi et al. 2021, 0.5 for pseudo-labeled ones in Carmon et
      al. 2019, 1 to train on them alone.
    label_smoothing: s; labels of the extra examples become the probabilities
      `(1 - s) one_hot(y) + s / K`, which their generator or teacher was wrong
      about now and then. Those of the real examples are not smoothed. Where s
      is not 0, all labels of a batch are probabilities `[B, K]`.
    seed: of the orders.
    resident_limit_bytes: of each dataset; a larger one is streamed.

  Returns:
    The loader. Its `num_steps` is an epoch of as many examples as the real ones
    are, B at a time, by which recipes of this kind count.

  Raises:
    ValueError: a fraction is out of its range or rounded to no rows or to all,
      a number of rows does not divide by the devices, the datasets differ in
      their inputs or number of classes, or one is empty or has no labels.

  Source: Rebuffi et al. 2021, "Fixing Data Augmentation to Improve Adversarial
  Robustness"; Carmon et al. 2019, "Unlabeled Data Improves Adversarial
  Robustness" (robust self-training, RST).

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.dataset import from_arrays
    >>> x, y = np.zeros((8, 2), np.float32), np.arange(8) % 2
    >>> real = from_arrays("real", {"x": x, "y": y}, info={"num_classes": 2})
    >>> extra = from_arrays("extra", {"x": x + 1, "y": y})
    >>> loader = mixed_loader(real, extra, 4, extra_fraction=0.75, seed=0)
    >>> batch = loader.decode(loader.device_data, next(loader.indices(0)))
    >>> batch["x"][:, 0].tolist()
    [0.0, 1.0, 1.0, 1.0]
  """
  checks.non_negative("seed", seed)
  checks.non_negative("label_smoothing", label_smoothing)
  checks.at_most("label_smoothing", label_smoothing, 1.0)
  num_extra = _num_extra(batch_size, extra_fraction)
  _check_alike(dataset, extra)
  parts = [(dataset, batch_size - num_extra, 0.0)]
  parts += [(extra, num_extra, label_smoothing)]
  streams = [
    endless_loader(
      one, rows, seed=seed, stream=stream, resident_limit=resident_limit_bytes
    )
    for stream, (one, rows, _) in enumerate(parts)
    if rows
  ]
  smoothings = [smoothing for _, rows, smoothing in parts if rows]
  relabel = _relabeling(dataset, label_smoothing)

  def indices(start):
    return zip(*(stream.indices(start) for stream in streams), strict=True)

  def decode(device_data: PyTree, indices: PyTree) -> Batch:
    batches = [
      stream.decode(kept, rows)
      for stream, kept, rows in zip(streams, device_data, indices, strict=True)
    ]
    batches = [
      {**batch, "y": relabel(batch["y"], smoothing)}
      for batch, smoothing in zip(batches, smoothings, strict=True)
    ]
    return jax.tree.map(lambda *rows: jnp.concatenate(rows), *batches)

  device_data = tuple(stream.device_data for stream in streams)
  num_steps = max(1, len(dataset) // batch_size)
  return Loader(device_data, indices, decode, num_steps)


def _relabeling(
  dataset: Dataset, label_smoothing: float
) -> Callable[[Array, float], Array]:
  """Labels as they are, or probabilities where any of them are smoothed."""
  if not label_smoothing:
    return lambda labels, smoothing: labels
  num_classes = dataset.fact("num_classes")

  def probabilities(labels: Array, smoothing: float) -> Array:
    one_hot = jax.nn.one_hot(labels, num_classes)
    return (1 - smoothing) * one_hot + smoothing / num_classes

  return probabilities


def _num_extra(batch_size: int, extra_fraction: float) -> int:
  checks.at_least_one("batch_size", batch_size)
  if not 0 < extra_fraction <= 1:
    raise ValueError(
      f"extra_fraction = {extra_fraction}: expected more than 0 and at most 1 "
      "of each batch."
    )
  if extra_fraction == 1:
    return batch_size
  num_extra = round(extra_fraction * batch_size)
  if not 0 < num_extra < batch_size:
    raise ValueError(
      f"extra_fraction = {extra_fraction} of a batch of {batch_size} is "
      f"{num_extra} examples: expected some of both datasets. Choose a larger "
      "batch_size, or another fraction."
    )
  return num_extra


def _check_alike(dataset: Dataset, extra: Dataset) -> None:
  for field in ("x", "y"):
    ours, theirs = (one.field(field) for one in (dataset, extra))
    if ours != theirs:
      raise ValueError(
        f"`{field}` of the extra dataset '{extra.name}' is "
        f"{describe(theirs)}, of '{dataset.name}' {describe(ours)}: expected "
        "one spec."
      )
  for one in (dataset, extra):
    if len(one) == 0:
      raise ValueError(f"'{one.name}' is empty: expected some examples.")
  ours, theirs = (one.info.get("num_classes") for one in (dataset, extra))
  if None not in (ours, theirs) and ours != theirs:
    raise ValueError(
      f"the extra dataset '{extra.name}' has {theirs} classes, "
      f"'{dataset.name}' has {ours}: expected the same ones."
    )
