"""The kinds of labels that a code may be made to forget."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from robust_jax import lookup, losses
from robust_jax.types import Array, Batch, Key


class LabelKind(NamedTuple):
  """What a classifier, a decoder and an adversary do with labels of a kind.

  Attributes:
    vector: `(y) -> [B, L]` float32, as a decoder is told them.
    loss: `(logits [B, L], y) -> [B]`, a classifier's cross-entropy.
    correct: `(logits [B, L], y) -> [B]`, in [0, 1]: the fraction it got right.
    wrong: `(key, y) -> y'`, labels of which none is right.
    check: `(y)`; raises where the shape is of another kind or number.
    of: `(batch) -> y`.
  """

  vector: Callable[[Array], Array]
  loss: Callable[[Array, Array], Array]
  correct: Callable[[Array, Array], Array]
  wrong: Callable[[Key, Array], Array]
  check: Callable[[Array], None]
  of: Callable[[Batch], Array] = lambda batch: batch["y"]


def classes(num_classes: int) -> LabelKind:
  """y `[B]` int: one of `num_classes`. A wrong one is any other, drawn evenly.

  Raises:
    ValueError: fewer than two classes; from `check`, y is not `[B]` integers.
  """
  if num_classes < 2:
    raise ValueError(
      f"num_classes = {num_classes}: expected 2 or more, else there is nothing "
      "to be forgotten."
    )

  def wrong(key, y):
    shift = jax.random.randint(key, y.shape, 1, num_classes)
    return (y + shift) % num_classes

  def check(y):
    if y.ndim != 1 or not jnp.issubdtype(y.dtype, jnp.integer):
      raise ValueError(
        f"labels of shape {y.shape} and dtype {y.dtype}: expected [B] "
        f"integers, one of {num_classes} classes; for binary attributes give "
        "the model num_attributes."
      )

  return LabelKind(
    vector=lambda y: jax.nn.one_hot(y, num_classes),
    loss=losses.cross_entropy,
    correct=lambda logits, y: (logits.argmax(axis=-1) == y).astype(jnp.float32),
    wrong=wrong,
    check=check,
  )


def attributes(num_attributes: int) -> LabelKind:
  """y `[B, A]` in {0, 1}: attributes, each forgotten. A wrong one is flipped.

  The loss is the mean of the attributes' cross-entropies.

  Raises:
    ValueError: from `check`, y is not `[B, num_attributes]`.
  """

  def loss(logits, y):
    y = y.astype(jnp.float32)
    return optax.sigmoid_binary_cross_entropy(logits, y).mean(axis=-1)

  def check(y):
    if y.ndim != 2 or y.shape[1] != num_attributes:
      raise ValueError(
        f"labels of shape {y.shape}: expected [B, {num_attributes}], a 0 or 1 "
        f"for each of the model's num_attributes = {num_attributes}."
      )

  return LabelKind(
    vector=lambda y: y.astype(jnp.float32),
    loss=loss,
    correct=lambda logits, y: ((logits > 0) == (y > 0)).mean(axis=-1),
    wrong=lambda key, y: 1 - y,
    check=check,
  )


def measured(thresholds: Mapping[str, float]) -> LabelKind:
  """Attributes of the images themselves: thick or thin, leaning or upright.

  Args:
    thresholds: of each attribute, by the name of a measure in
      `data.handwriting`, the value above which an image has it.

  Raises:
    ValueError: there is no such measure.
  """
  measures = {
    name: lookup.find("data.handwriting", name) for name in thresholds
  }

  def of(batch):
    has = [m(batch["x"]) > thresholds[name] for name, m in measures.items()]
    return jnp.stack(has, axis=-1).astype(jnp.int32)

  return attributes(len(thresholds))._replace(of=of)
