"""The training steps that are measured, here and in PyTorch, and their data."""

import contextlib
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from experiments import build
from experiments.configs.adversarial import cifar10_pgd, mnist_pgd
from robust_jax.data.dataset import Dataset, from_arrays
from robust_jax.data.images import decode_images

NUM_CLASSES = 10
_NOISE = 40.0  # standard deviation of a pixel, of 255


class Case(NamedTuple):
  """A training step.

  Attributes:
    name: name in the table.
    model: section of the model.
    tiny: options of the model in a rehearsal.
    image_shape: `(H, W, C)`.
    batch_size: B.
    precision: "float32" or "bfloat16".
    seconds: what compiling and measuring take on an accelerator, roughly.
    num_steps: number of steps of PGD; 0 for standard training.
  """

  name: str
  model: dict[str, Any]
  tiny: dict[str, Any]
  image_shape: tuple[int, int, int]
  batch_size: int
  precision: str
  seconds: float
  num_steps: int = 10

  @property
  def eps(self) -> float:
    """Radius of the Linf ball: that of MNIST for gray images, or CIFAR-10's."""
    return 0.3 if self.image_shape[-1] == 1 else 8 / 255

  @property
  def step_size(self) -> float:
    """Step of PGD as a fraction of the radius."""
    return 1 / 3 if self.image_shape[-1] == 1 else 0.25

  def rehearsed(self) -> "Case":
    """The same at a tiny size."""
    return self._replace(
      name=f"tiny {self.name}",
      model=self.model | self.tiny,
      batch_size=8,
      num_steps=min(self.num_steps, 2),
    )


_COLOR, _GRAY = (32, 32, 3), (28, 28, 1)
_WIDE = {"name": "wide_resnet"}, {"depth": 10, "widen": 1}
_PREACT = {"name": "preact_resnet"}, {"num_blocks": (1,), "width": 4}
_SMALL = {"name": "small_cnn"}, {}

CASES = [
  Case(
    "WRN-28-10, PGD-10, batch 256, float32", *_WIDE, _COLOR, 256, "float32", 60
  ),
  Case(
    "WRN-28-10, PGD-10, batch 256, bfloat16",
    *_WIDE,
    _COLOR,
    256,
    "bfloat16",
    60,
  ),
  Case(
    "PreAct-ResNet-18, PGD-10, batch 512, float32",
    *_PREACT,
    _COLOR,
    512,
    "float32",
    35,
  ),
  Case(
    "PreAct-ResNet-18, PGD-10, batch 512, bfloat16",
    *_PREACT,
    _COLOR,
    512,
    "bfloat16",
    35,
  ),
  Case("small CNN, PGD-10, batch 100", *_SMALL, _GRAY, 100, "float32", 10),
  Case(
    "PreAct-ResNet-18, standard, batch 512, bfloat16",
    *_PREACT,
    _COLOR,
    512,
    "bfloat16",
    15,
    num_steps=0,
  ),
]

# With BatchNorm and without; bfloat16 takes PyTorch minutes on some CPUs.
_REHEARSED = (CASES[0], CASES[4])


def sized_cases(rehearsal: bool) -> list[Case]:
  """The cases, or two of them at a tiny size."""
  return [case.rehearsed() for case in _REHEARSED] if rehearsal else CASES


def random_images(
  num_examples: int,
  image_shape: tuple[int, int, int] = (32, 32, 3),
  seed: int = 0,
) -> Dataset:
  """Draws images of ten classes: a pattern for each, and noise on top.

  Args:
    num_examples: number of images.
    image_shape: `(H, W, C)`.
    seed: seed of labels and noise; patterns are the same for all.

  Returns:
    A `Dataset` of uint8 images and labels, which a network learns.
  """
  height, width, channels = image_shape
  coarse = np.random.default_rng(0).integers(
    48, 208, (NUM_CLASSES, 4, 4, channels)
  )
  rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
  patterns = coarse[:, rows][:, :, columns].astype(np.float32)
  draw = np.random.default_rng((1, seed))
  y = draw.integers(0, NUM_CLASSES, num_examples).astype(np.int32)
  x = np.empty((num_examples, *image_shape), np.uint8)
  for row, label in enumerate(y):
    noise = draw.standard_normal(image_shape, np.float32) * _NOISE
    x[row] = np.clip(patterns[label] + noise, 0, 255)
  info = {"num_classes": NUM_CLASSES, "image_shape": tuple(image_shape)}
  return from_arrays("random images", {"x": x, "y": y}, decode_images, info)


def config_of(case: Case) -> ConfigDict:
  """The config of a run of such steps, on random images."""
  gray = case.image_shape[-1] == 1
  config = (mnist_pgd if gray else cifar10_pgd).get_config()
  config.precision = case.precision
  config.data = random_data(4 * case.batch_size, case.image_shape)
  config.training.batch_size = case.batch_size
  config.model = {**case.model, **({} if gray else _normalized(config))}
  if case.num_steps:
    config.loss.attack.search.num_steps = case.num_steps
  else:
    config.loss = {"name": "erm"}
  return config


def random_data(
  num_examples: int, image_shape: tuple[int, int, int]
) -> dict[str, Any]:
  """The section `data` of that many random images in each split."""
  return {
    "kind": "synthetic",
    "name": f"{__name__}:random_images",
    "image_shape": image_shape,
    "num_examples": num_examples,
    "train": {"seed": 0},
    "validation": {"seed": 1},
    "test": {"seed": 2},
  }


def held_out_images(
  config: ConfigDict, num_examples: int, real: bool
) -> Dataset:
  """The test images of a config, whose data become random if there are none.

  Args:
    config: config of a run, which is edited.
    num_examples: number of random images in each split.
    real: whether to look for the config's own data.
  """
  shape = (28, 28, 1) if config.data.name == "mnist" else (32, 32, 3)
  if real:
    with contextlib.suppress(ValueError):  # it is not prepared
      return build.dataset(config, "test")
  config.data = random_data(num_examples, shape)
  return build.dataset(config, "test")


def _normalized(config: ConfigDict) -> dict[str, Any]:
  return {name: config.model[name] for name in ("mean", "std", "batch_norm")}
