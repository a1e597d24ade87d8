"""Images redrawn under other labels by a trained autoencoder, on the host."""

import numpy as np

from robust_jax.as_numpy_fn import as_numpy_fn
from robust_jax.data import handwriting
from robust_jax.models.inference import Autoencoder

MEASURES = {
  "thickness": as_numpy_fn(handwriting.thickness),
  "slant": as_numpy_fn(handwriting.slant),
}


def decode_all(
  autoencoder: Autoencoder, x: np.ndarray, vectors: np.ndarray
) -> np.ndarray:
  """x `[R, ...]`, label vectors `[R, N, L]` -> images `[R, N, ...]`."""
  codes = np.repeat(autoencoder.encode(x), vectors.shape[1], axis=0)
  flat = vectors.reshape(len(codes), -1).astype(np.float32)
  return autoencoder.decode(codes, flat).reshape(
    *vectors.shape[:2], *x.shape[1:]
  )


def of_many_styles(x: np.ndarray, labels: np.ndarray) -> list[int]:
  """One image of each class, chosen by the style of originals alone.

  Within a class thickness and slant are standardized; the classes take turns
  around a circle in that plane: thin, upright, thick, leaning, ...
  """
  style = np.stack([measure(x) for measure in MEASURES.values()], axis=1)
  chosen = []
  for label in np.unique(labels):
    rows = np.flatnonzero(labels == label)
    own = style[rows] - style[rows].mean(axis=0)
    own /= np.maximum(own.std(axis=0), 1e-6)
    angle = 0.6 * np.pi * len(chosen)  # neighboring rows look different
    expected = 1.3 * np.array([np.cos(angle), np.sin(angle)])
    nearest = np.square(own - expected).sum(axis=1).argmin()
    chosen.append(int(rows[nearest]))
  return chosen
