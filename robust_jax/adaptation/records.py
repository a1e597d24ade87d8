"""What brings two domains together: the records every method is made of."""

from collections.abc import Callable
from typing import NamedTuple

from robust_jax.types import Array, Key, Metrics, PyTree


class View(NamedTuple):
  """A batch of one domain (or of all sources) as the network sees it.

  Attributes:
    features: `[B, D]`, of the layer that the model calls its features.
    logits: `[B, K]`.
    domain: int32 `[B]`; sources are numbered from 0, the target is the last.
    weight: float32 `[B]`, of each example in an average; 1 where nothing is
      re-weighted.
  """

  features: Array
  logits: Array
  domain: Array
  weight: Array


Gather = Callable[[PyTree], PyTree]
"""Rows of this device -> those of all devices that share the batch."""


def alone(rows: PyTree) -> PyTree:
  """The `Gather` of one device, which has the whole batch."""
  return rows


class Alignment(NamedTuple):
  """A measure of how far apart two domains are, that training makes small.

  Attributes:
    init: `(key, View) -> params` of the adversary, from any one view; `{}`
      where there is none.
    loss: `(params, source View, target View, key, gather=alone) -> (scalar,
      Metrics)`, in training. A step whose devices share the batch hands in how
      rows are gathered (`parallel.gather`).
      Of a discrepancy, what the model minimizes. Of an adversary, the loss
      that the adversary minimizes and the model maximizes: no gradient is
      reversed in here, that is up to who solves the game. None aligns nothing.
    adversarial: which of the two it is.
  """

  init: Callable[[Key, View], PyTree]
  loss: Callable[..., tuple[Array, Metrics]] | None
  adversarial: bool
