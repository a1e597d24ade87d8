"""Types of labels that a Fader network can make its codes independent of."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from robust_jax import lookup, losses
from robust_jax.types import Array, Batch, Key


class LabelType(NamedTuple):
  """Functions of one type of labels.

  Attributes:
    vector: `(y) -> [B, L]` float32, the inputs of a decoder.
    loss: `(logits [B, L], y) -> [B]`, the cross-entropy of a classifier.
    correct: `(logits [B, L], y) -> [B]`, the fraction of correct labels of each
      example, in [0, 1].
    wrong: `(key, y) -> y'`, random labels of which none is correct.
    check: `(y)`; raises a ValueError for labels of another type or number.
    of: `(batch) -> y`, the labels of a batch.
  """

  vector: Callable[[Array], Array]
  loss: Callable[[Array, Array], Array]
  correct: Callable[[Array, Array], Array]
  wrong: Callable[[Key, Array], Array]
  check: Callable[[Array], None]
  of: Callable[[Batch], Array] = lambda batch: batch["y"]


def classes(num_classes: int) -> LabelType:
  """Classes y `[B]` int; a wrong label is any other class, drawn uniformly.

  Raises:
    ValueError: there are fewer than two classes.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.tasks import label_types
    >>> label_types.classes(3).vector(jnp.array([2])).tolist()
    [[0.0, 0.0, 1.0]]
  """
  if num_classes < 2:
    raise ValueError(
      f"num_classes = {num_classes}: expected 2 or more; a single class is no "
      "information that a code could have."
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

  return LabelType(
    vector=lambda y: jax.nn.one_hot(y, num_classes),
    loss=losses.cross_entropy,
    correct=lambda logits, y: (logits.argmax(axis=-1) == y).astype(jnp.float32),
    wrong=wrong,
    check=check,
  )


def attributes(num_attributes: int) -> LabelType:
  """Binary attributes y `[B, A]` in {0, 1}; wrong labels are all flipped.

  The loss is the mean of the attributes' cross-entropies.

  Example:
    >>> import jax
    >>> from robust_jax.tasks import label_types
    >>> label_type = label_types.attributes(2)
    >>> label_type.wrong(jax.random.key(0), jax.numpy.array([[0, 1]])).tolist()
    [[1, 0]]
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

  return LabelType(
    vector=lambda y: y.astype(jnp.float32),
    loss=loss,
    correct=lambda logits, y: ((logits > 0) == (y > 0)).mean(axis=-1),
    wrong=lambda key, y: 1 - y,
    check=check,
  )


def measured(thresholds: Mapping[str, float]) -> LabelType:
  """Binary attributes measured on images: thick or thin, slanted or upright.

  Args:
    thresholds: name of a measure in `data.handwriting` -> the value above which
      an image has the attribute.

  Raises:
    ValueError: there is no such measure.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.tasks import label_types
    >>> label_type = label_types.measured({"thickness": 3.0})
    >>> label_type.of({"x": jnp.ones((2, 28, 28, 1))}).shape
    (2, 1)
  """
  measures = {
    name: lookup.find("data.handwriting", name) for name in thresholds
  }

  def of(batch):
    has = [m(batch["x"]) > thresholds[name] for name, m in measures.items()]
    return jnp.stack(has, axis=-1).astype(jnp.int32)

  return attributes(len(thresholds))._replace(of=of)
