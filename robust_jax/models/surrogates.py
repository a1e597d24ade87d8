"""What a transfer attack climbs in its victim's place."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array, Key, Model


def ensemble(
  logits_fns: Sequence[Model], weights: Sequence[float] | None = None
) -> Model:
  """The weighted mean of the surrogates' logits, as one model.

  Args:
    logits_fns: models of the same classes.
    weights: of each, summing to one; all alike if absent.

  Raises:
    ValueError: no model, or another number of weights.

  Source: Dong et al. 2018, "Boosting Adversarial Attacks with Momentum".
  """
  if not logits_fns:
    raise ValueError("an ensemble of no models: expected one or more.")
  if weights is None:
    weights = [1 / len(logits_fns)] * len(logits_fns)
  if len(weights) != len(logits_fns):
    raise ValueError(f"{len(weights)} weights for {len(logits_fns)} models.")
  return jax.tree_util.Partial(_mean, tuple(logits_fns), tuple(weights))


def diverse(
  key: Key,
  logits_fn: Model,
  probability: Array | float = 0.5,
  smallest: Array | float = 0.9,
) -> Model:
  """The model behind a random shrinking of its input, on a black ground.

  Each example is shrunk, with that probability, by a factor between `smallest`
  and 1, and put at a random place; the gradient passes through. The draw is
  made anew at every new image, by folding the image's own bits into the key, so
  that the result is a pure function and a search meets other draws as it moves.

  Args:
    key: of the draws.
    logits_fn: takes images `[B, H, W, C]`.
    probability: of being shrunk at all.
    smallest: factor, above 0.

  Source: Xie et al. 2019, "Improving Transferability of Adversarial Examples
  with Input Diversity". Deviation: linear interpolation and places
  between the pixels, and the canvas keeps its size (299 pixels become 330
  there).
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


def _mean(logits_fns, weights, x):
  answers = [w * f(x) for f, w in zip(logits_fns, weights, strict=True)]
  return sum(answers[1:], start=answers[0])


def _hash(image):
  """32 bits of an image; sums of integers have no order to depend on."""
  image = jax.lax.stop_gradient(image).astype(jnp.float32)
  bits = jax.lax.bitcast_convert_type(image, jnp.uint32)
  odd = 2 * np.arange(image.size, dtype=np.uint32) + 1
  return jnp.sum(bits.reshape(-1) * (odd * np.uint32(2654435769)))
