"""Which sequences make up the published benchmarks."""

IMAGENET_P = (
  "gaussian_noise",
  "shot_noise",
  "motion_blur",
  "zoom_blur",
  "snow",
  "brightness",
  "translate",
  "rotate",
  "tilt",
  "scale",
)
"""The ten that mean flip rates and top-5 distances are of."""

IMAGENET_P_EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "shear")
"""Four more, for choosing hyperparameters on."""

NOISE = ("gaussian_noise", "shot_noise", "speckle_noise")
"""Frames without an order: each is compared with the first, which is clean."""
