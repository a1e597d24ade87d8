"""Classifiers of gray images, applied to each channel of others."""

import jax
import jax.numpy as jnp

from robust_jax.models.inference import SplitModel
from robust_jax.types import Array


def per_channel(model: SplitModel) -> SplitModel:
  """Applies a classifier of gray images to each channel of `[B, H, W, C]`.

  A class of the image is a class of each channel: of K classes and three
  channels, class `K^2 a + K b + c`, as of Stacked MNIST.

  Args:
    model: classifier of images `[B, H, W, 1]`, with features `[B, D]`.

  Returns:
    The classifier, with features `[B, C, D]` and logits `[B, K^C]`, of which
    the softmax is the product of those of the channels.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.inference import SplitModel
    >>> from robust_jax.models.per_channel import per_channel
    >>> one = SplitModel(
    ...   lambda x: x.mean((1, 2)), lambda h: jnp.hstack([-h, h]))
    >>> x = jnp.array([1.0, -1.0, 1.0]).reshape(1, 1, 1, 3)  # classes 1, 0, 1
    >>> per_channel(one)(x).argmax(axis=-1).item()
    5
  """
  return SplitModel(
    jax.tree_util.Partial(_features, model), jax.tree_util.Partial(_head, model)
  )


def _features(model: SplitModel, x: Array) -> Array:
  gray = jnp.moveaxis(x, -1, 1).reshape(-1, *x.shape[1:3], 1)
  features = model.features(gray)
  return features.reshape(len(x), x.shape[-1], *features.shape[1:])


def _head(model: SplitModel, h: Array) -> Array:
  logits = jax.nn.log_softmax(model.head(h.reshape(-1, *h.shape[2:])))
  first, *others = jnp.moveaxis(logits.reshape(*h.shape[:2], -1), 1, 0)
  for other in others:
    first = (first[:, :, None] + other[:, None]).reshape(len(h), -1)
  return first
