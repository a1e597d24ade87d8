"""Training batches that other data are mixed into: the section `data.extra`."""

from robust_jax.data.dataset import Dataset
from robust_jax.data.load import load
from robust_jax.data.loader import Loader
from robust_jax.data.mixed_loader import mixed_loader
from robust_jax.data.readers.npz_dataset import npz_dataset


def loader_with_extra(
  real: Dataset,
  batch_size: int,
  seed: int,
  data_dir: str | None,
  *,
  fraction: float,
  label_smoothing: float = 0.0,
  file: str | None = None,
  dataset: str | None = None,
  train: str = "train",
) -> Loader:
  """Makes the loader of real examples mixed with those that the options name.

  Args:
    real: the real examples.
    batch_size: see `mixed_loader`.
    seed: likewise.
    data_dir: folder of prepared datasets; None for the default.
    fraction: of each batch that are extra examples, at most 1.
    label_smoothing: of the labels of extra examples.
    file: `.npz` of extra examples, see `npz_dataset`.
    dataset: name of a dataset of extra examples, instead of a file.
    train: part of that dataset.

  Raises:
    ValueError: neither a file nor a dataset is named, or both are.
  """
  if (file is None) == (dataset is None):
    raise ValueError(
      f"data.extra has file = {file} and dataset = {dataset}: expected one of "
      "them."
    )
  if file is None:
    other = load(str(dataset), train, data_dir)
  else:
    other = npz_dataset(file, real.fact("num_classes"))
  return mixed_loader(
    real,
    other,
    batch_size,
    extra_fraction=fraction,
    label_smoothing=label_smoothing,
    seed=seed,
  )
