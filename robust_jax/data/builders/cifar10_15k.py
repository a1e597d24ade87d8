"""CIFAR-10 with 15,000 training images, from raw files."""

from types import MappingProxyType

from robust_jax.data.builders._cifar10 import TEST, Cifar10Files, Part

_TRAIN = Part(
  15_000,
  ["train_first15000.npz"],
  [f"data_batch_{number}.bin" for number in (1, 2, 3)],
)


class Cifar10_15k(Cifar10Files, skip_registration=True):  # type: ignore[call-arg]
  """The first 15,000 of CIFAR-10's training images and all 10,000 test images.

  They suffice to train a small network in minutes on a CPU; accuracies are not
  comparable with those of the whole dataset. Raw files are those of
  `Cifar10Files`: data_batch_1.bin to data_batch_3.bin and test_batch.bin; or
  train_first15000.npz and test.npz.
  """

  DESCRIPTION = "A part of CIFAR-10: photographs of 32x32 pixels."
  PARTS = MappingProxyType({"train": _TRAIN, "test": TEST})
