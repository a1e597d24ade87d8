"""Records that alignments are made of."""

from collections.abc import Callable
from typing import NamedTuple

from robust_jax.types import Array, Key, Metrics, PyTree


class View(NamedTuple):
  """A batch of one domain, or of all sources, as the network sees it.

  Attributes:
    features: features `[B, D]` of the model.
    logits: logits `[B, K]`.
    domain: domain of each example, int32 `[B]`; sources are numbered from 0,
      the target is the last.
    weight: weight of each example in averages, float32 `[B]`; 1 by default.
  """

  features: Array
  logits: Array
  domain: Array
  weight: Array


Gather = Callable[[PyTree], PyTree]
"""Rows of this device -> rows of all devices that share the batch."""


def no_gather(rows: PyTree) -> PyTree:
  """The `Gather` of one device that has the whole batch: the identity."""
  return rows


class Alignment(NamedTuple):
  """A distance of two domains that training minimizes.

  Attributes:
    init: `(key, View) -> params` of the adversary, from any view; `{}` if there
      is no adversary.
    loss: `(params, source View, target View, key, gather=no_gather) -> (scalar,
      Metrics)`, in training. A step whose devices share the batch passes
      `parallel.gather`. For a discrepancy it is the loss that the model
      minimizes. For an adversary it is the loss that the adversary minimizes
      and the model maximizes; the gradient is not reversed in it, which is left
      to the solver of the game. None for no alignment.
    adversarial: whether there is an adversary.
  """

  init: Callable[[Key, View], PyTree]
  loss: Callable[..., tuple[Array, Metrics]] | None
  adversarial: bool
