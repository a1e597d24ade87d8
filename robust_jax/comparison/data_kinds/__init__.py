"""Kinds of data whose models can be compared: one class per module.

Each class follows the protocol `base.DataKind`.
"""

from robust_jax.comparison.data_kinds.annotated_images import AnnotatedImages
from robust_jax.comparison.data_kinds.images import Images
from robust_jax.comparison.data_kinds.texts import Texts

__all__ = ["AnnotatedImages", "Images", "Texts"]
