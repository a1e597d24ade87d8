"""Published benchmarks: the names of their corruptions and their severities."""

from collections.abc import Mapping
from typing import Any, NamedTuple

IMAGENET_C = (
  "gaussian_noise",
  "shot_noise",
  "impulse_noise",
  "defocus_blur",
  "glass_blur",
  "motion_blur",
  "zoom_blur",
  "snow",
  "frost",
  "fog",
  "brightness",
  "contrast",
  "elastic_transform",
  "pixelate",
  "jpeg_compression",
)
"""The fifteen corruptions of the mean corruption error, of severity 1 to 5."""

IMAGENET_C_EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
"""Four extra corruptions, meant for tuning hyperparameters."""


class Setting(NamedTuple):
  """Severity and options of a corruption: `(keys, x, severity, **options)`."""

  severity: int
  options: Mapping[str, Any] = {}


# The constants of ImageNet-C, on images of 28 pixels.
_AS_IMAGENET = {"size": 224}
MNIST_C: Mapping[str, Setting] = {
  "identity": Setting(1),
  "shot_noise": Setting(5, _AS_IMAGENET),
  "impulse_noise": Setting(4, _AS_IMAGENET),
  "glass_blur": Setting(1, {**_AS_IMAGENET, "swap": True}),
  "motion_blur": Setting(1, _AS_IMAGENET),
  "shear": Setting(2),
  "scale": Setting(3),
  "rotate": Setting(2),
  "brightness": Setting(5, _AS_IMAGENET),
  "translate": Setting(3),
  "stripe": Setting(1),
  "fog": Setting(5, _AS_IMAGENET),
  "spatter": Setting(4, _AS_IMAGENET),
  "dotted_line": Setting(1),
  "zigzag": Setting(1),
  "canny_edges": Setting(1),
}
"""The fifteen corruptions of MNIST-C and the identity, of one severity each."""
