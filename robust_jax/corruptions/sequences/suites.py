"""Published benchmarks: the names of their sequences."""

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
"""The ten sequences of the mean flip rate and the mean top-5 distance."""

IMAGENET_P_EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "shear")
"""Four extra sequences, meant for tuning hyperparameters."""

NOISE = ("gaussian_noise", "shot_noise", "speckle_noise")
"""Sequences without an order of frames: each frame is compared with the first,
which is clean.
"""
