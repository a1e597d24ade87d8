"""The whole of CIFAR-10, read from raw files."""

from types import MappingProxyType

from robust_jax.data.builders._cifar10 import TEST, Cifar10Files, Part

_TRAIN = Part(
  50_000,
  ["train_first15000.npz", "train_last35000.npz"],
  [f"data_batch_{number}.bin" for number in (1, 2, 3, 4, 5)],
)


class Cifar10Raw(Cifar10Files, skip_registration=True):  # type: ignore[call-arg]
  """All 50,000 training images and all 10,000 test images.

  The examples of TFDS's own `cifar10`, which is downloaded and written by
  tensorflow, without either. TFDS shuffles both, each in an order of its own.
  Files and their forms are those of `Cifar10Files`: data_batch_1.bin to
  data_batch_5.bin and test_batch.bin, or train_first15000.npz,
  train_last35000.npz and test.npz. The Python version of the files is pickled,
  and is not read.
  """

  DESCRIPTION = "CIFAR-10: photographs of 32x32 pixels."
  PARTS = MappingProxyType({"train": _TRAIN, "test": TEST})
