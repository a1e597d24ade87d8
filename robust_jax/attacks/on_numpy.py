"""Attacks for data loaders of other libraries: numpy in, numpy out."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from robust_jax import checks
from robust_jax.as_numpy_fn import in_pieces
from robust_jax.types import Attack, Model

Perturb = Callable[..., np.ndarray]
"""(x `[N, ...]`, labels `[N]`, seed) -> x_adv `[N, ...]`."""


def on_numpy(
  attack: Attack,
  model: Model,
  *,
  channels_first: bool = False,
  batch_size: int = 128,
) -> Perturb:
  """Makes a function of numpy arrays of an attack and a model.

  Arrays of other libraries that numpy can read, such as PyTorch's tensors on
  the CPU, are taken as they are. One program is compiled for one size of batch,
  to which smaller ones, as the last of a data loader, are padded.

  Args:
    attack: an attack that attacks each image on its own, such as that of
      `compose` or `autoattack`.
    model: a frozen model, whose images are `[B, H, W, C]`.
    channels_first: whether images are `[N, C, H, W]`, as in PyTorch.
    batch_size: number of images that are attacked at once, that of the loader.

  Returns:
    `(x, labels, seed=0) -> x_adv`, with the shape and dtype of x, which is in
    [0, 1]. The same seed gives the same perturbations. It raises ValueError
    where the attack does, and for an empty batch.

  Example:
    >>> import numpy as np
    >>> from robust_jax import attacks, perturbations, search
    >>> from robust_jax.attacks.on_numpy import on_numpy
    >>> from robust_jax.losses import margin
    >>> model = lambda x: x.reshape(len(x), -1)[:, :2]
    >>> fgsm = attacks.compose(search.fgsm, perturbations.linf(0.25), margin)
    >>> perturb = on_numpy(fgsm, model, channels_first=True)
    >>> x, labels = np.full((1, 3, 1, 2), 0.5, np.float32), np.array([0])
    >>> x_adv = perturb(x, labels, seed=1)
    >>> x_adv.shape, float(x_adv[0, 0, 0, 0])  # the logit of class 0
    ((1, 3, 1, 2), 0.25)
  """
  checks.at_least_one("batch_size", batch_size)

  def perturb(x: Any, labels: Any, seed: int = 0) -> np.ndarray:
    x, labels = np.asarray(x), np.asarray(labels)
    images = np.moveaxis(x, 1, -1) if channels_first else x
    checks.images(images)
    key, numbers = jax.random.key(seed), itertools.count()

    def attack_piece(*piece: np.ndarray) -> np.ndarray:
      key_piece = jax.random.fold_in(key, next(numbers))
      return np.asarray(attack(key_piece, model, *piece), x.dtype)

    x_adv = in_pieces(attack_piece, images, labels, sizes=[batch_size])
    return np.moveaxis(x_adv, -1, 1) if channels_first else x_adv

  return perturb
