"""Surrogate models for transfer attacks: soft neighbors, input diversity."""

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array, Key, Model


def soft_neighbors(
  x: np.ndarray,
  labels: np.ndarray,
  num_classes: int,
  temperature: Array | float = 1.0,
) -> Model:
  """A differentiable surrogate of k nearest neighbors.

  Every training image votes for its class with a weight that falls with its
  distance. The softmax of the logits is the fraction of the weights
  `exp(-||x' - x_i||^2 / temperature)` that belongs to each class.

  Args:
    x: training images `[N, ...]`.
    labels: their classes, int `[N]`; every class occurs.
    num_classes: K.
    temperature: in squared input units. In the limit of 0 the model becomes the
      classifier by the one nearest neighbor.

  Returns:
    x' `[B, ...]` -> logits `[B, K]`.

  Raises:
    ValueError: a class without a training image.

  Source: Papernot et al. 2016, "Transferability in Machine Learning".

  Example:
    >>> import numpy as np
    >>> from robust_jax.models.surrogates import soft_neighbors
    >>> model = soft_neighbors(np.array([[0.0], [1.0]]), np.array([0, 1]), 2)
    >>> model(np.array([[0.2], [0.9]])).argmax(axis=1).tolist()
    [0, 1]
  """
  absent = np.setdiff1d(np.arange(num_classes), labels)
  if len(absent):
    raise ValueError(
      f"no training image of class {absent[0]}: expected one or more of each "
      f"class from 0 to {num_classes - 1}."
    )
  flat = jnp.asarray(x, jnp.float32).reshape(len(x), -1)
  one_of_each = jnp.zeros(num_classes)
  center = flat.mean(axis=0)
  return jax.tree_util.Partial(
    _soft_neighbors,
    flat - center,
    center,
    jnp.asarray(labels),
    one_of_each,
    temperature,
  )


def _soft_neighbors(stored, center, labels, one_of_each, temperature, x):
  # Centered, because far from the origin the squares would cancel.
  flat = x.astype(jnp.float32).reshape(len(x), -1) - center
  squares = (stored**2).sum(axis=1)[:, None] + (flat**2).sum(axis=1)
  score = -(squares - 2 * stored @ flat.T) / temperature  # [N, B]
  # A log-sum-exp of each class, shifted by the maximum of that class.
  num_classes = len(one_of_each)
  top = jax.lax.stop_gradient(jax.ops.segment_max(score, labels, num_classes))
  weights = jnp.exp(score - top[labels])
  return (top + jnp.log(jax.ops.segment_sum(weights, labels, num_classes))).T


def input_diversity(
  key: Key,
  logits_fn: Model,
  probability: Array | float = 0.5,
  smallest: Array | float = 0.9,
) -> Model:
  """Input diversity: a model behind random shrinking of its input.

  Each image is shrunk with the given probability, by a factor drawn uniformly
  from `smallest` to 1, and placed at random on a black background. Gradients
  pass through. The bits of the image are folded into the key, so the result is
  a pure function, and a search meets new draws at each new point.

  Args:
    key: key of the draws.
    logits_fn: a model of images `[B, H, W, C]`.
    probability: probability that an image is shrunk.
    smallest: smallest factor, above 0.

  Returns:
    x `[B, H, W, C]` -> outputs of `logits_fn`.

  Source: Xie et al. 2019, "Improving Transferability of Adversarial Examples
  with Input Diversity".

  Deviation: interpolation is linear, places lie between pixels too, and the
  image keeps its size (in the paper 299 pixels become 330).

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.surrogates import input_diversity
    >>> brightness = lambda x: x.sum(axis=(1, 2))
    >>> model = input_diversity(jax.random.key(0), brightness, 1.0, 0.5)
    >>> x = jnp.ones((1, 8, 8, 1))
    >>> bool((jax.jit(model)(x) < brightness(x)).all())
    True
  """

  def shrunk(image):
    keys = jax.random.split(jax.random.fold_in(key, _hash(image)), 3)
    size = jnp.asarray(image.shape[:2], jnp.float32)
    factor = jax.random.uniform(keys[0], (), minval=smallest, maxval=1.0)
    corner = jax.random.uniform(keys[1], (2,)) * (1 - factor) * size
    small = jax.image.scale_and_translate(
      image, image.shape, (0, 1), jnp.stack([factor] * 2), corner, "linear"
    )
    chosen = jax.random.bernoulli(keys[2], probability)
    return jnp.where(chosen, small, image)

  return lambda x: logits_fn(jax.vmap(shrunk)(x))


def _hash(image):
  """A hash of 32 bits; sums of integers do not depend on their order."""
  image = jax.lax.stop_gradient(image).astype(jnp.float32)
  bits = jax.lax.bitcast_convert_type(image, jnp.uint32)
  odd = 2 * np.arange(image.size, dtype=np.uint32) + 1
  return jnp.sum(bits.reshape(-1) * (odd * np.uint32(2654435769)))
