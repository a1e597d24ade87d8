"""Pairs of images: functions whose `Dataset` has an input x and a target y.

Both are stored as uint8 `[H, W, C]` of one height and width, and decoded to
float32 in [0, 1]. Where it is known what the targets show, there are `labels`
as well: a class, or one of each pixel, which `targets.labeled_targets` makes a
dataset of. The info has `image_shape` of the inputs and `target_shape`.
"""

from robust_jax.data.pairs.derived import derived
from robust_jax.data.pairs.folders import side_by_side, two_folders
from robust_jax.data.pairs.label_maps import label_maps

__all__ = ["derived", "label_maps", "side_by_side", "two_folders"]
