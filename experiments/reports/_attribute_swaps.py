"""Images decoded under other labels by a trained autoencoder, on the host."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.data import handwriting

MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
  "thickness": as_numpy_fn(handwriting.thickness),
  "slant": as_numpy_fn(handwriting.slant),
}
"""Measures of style, images `[N, H, W, 1]` -> `[N]`, by name."""


class HostAutoencoder(NamedTuple):
  """A trained autoencoder as functions on the host, for batches of any size.

  Attributes:
    encode: images `[N, H, W, C]` -> codes `[N, D]`.
    decode: (codes `[N, D]`, label vectors `[N, L]`) -> images.
  """

  encode: Callable[[np.ndarray], np.ndarray]
  decode: Callable[[np.ndarray, np.ndarray], np.ndarray]


def decode_all(
  autoencoder: HostAutoencoder, x: np.ndarray, vectors: np.ndarray
) -> np.ndarray:
  """Decodes each image under several label vectors.

  Args:
    autoencoder: the autoencoder, on the host.
    x: images `[R, H, W, C]`.
    vectors: label vectors `[R, N, L]`.

  Returns:
    Images `[R, N, H, W, C]`.
  """
  codes = np.repeat(autoencoder.encode(x), vectors.shape[1], axis=0)
  flat = vectors.reshape(len(codes), -1).astype(np.float32)
  return autoencoder.decode(codes, flat).reshape(
    *vectors.shape[:2], *x.shape[1:]
  )


def select_styles(x: np.ndarray, labels: np.ndarray) -> list[int]:
  """Selects one image of each class, in various styles, for pictures.

  Thickness and slant are standardized within each class. The images of the
  classes are nearest to points on a circle in that plane: thin, upright, thick,
  slanted, ... Only originals are looked at.

  Returns:
    The indices of the images.
  """
  style = np.stack([measure(x) for measure in MEASURES.values()], axis=1)
  selected: list[int] = []
  for label in np.unique(labels):
    rows = np.flatnonzero(labels == label)
    own = style[rows] - style[rows].mean(axis=0)
    own /= np.maximum(own.std(axis=0), 1e-6)
    angle = 0.6 * np.pi * len(selected)  # neighboring rows look different
    wanted = 1.3 * np.array([np.cos(angle), np.sin(angle)])
    nearest = np.square(own - wanted).sum(axis=1).argmin()
    selected.append(int(rows[nearest]))
  return selected
