"""Balls of changes of the embeddings of a text's tokens."""

from typing import Literal

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.perturbations.feature import feature
from robust_jax.types import Array, Key, PerturbationSet, PyTree

# Scaled to the same norm, these are uniform directions of the ball.
_DIRECTION = {
  "l2": jax.random.normal,
  "linf": lambda key, shape: jax.random.uniform(key, shape, minval=-1.0),
}


def embeddings(
  eps: Array | float, width: int, norm: Literal["l2", "linf"] = "l2"
) -> PerturbationSet:
  """Changes of the embeddings of a text's tokens, with `||delta|| <= eps`.

  x is `{"tokens": [B, T] int, "mask": [B, T]}`, with mask 1 at tokens and 0 at
  padding, which is never changed. delta `[B, T, width]` becomes the entry
  "delta" of x', which text models add to the embeddings (`TokenEmbeddings`), or
  is added to that entry where x has one. The norm is that of all embeddings of
  a text together: "l2" is their Frobenius norm.

  Args:
    eps: radius in units of the embeddings; a float, a tracer or `[B]`, one per
      text.
    width: length of an embedding, the `width` of the model.
    norm: norm of the ball.

  Raises:
    ValueError: eps is negative, width below 1 or the norm another.

  Source: Miyato, Dai and Goodfellow 2017, "Adversarial training methods for
  semi-supervised text classification", section 3. Deviation: embeddings are not
  normalized.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> x = {"tokens": jnp.array([[3, 0]]), "mask": jnp.array([[1, 0]])}
    >>> pset = perturbations.embeddings(1.0, width=2)
    >>> pset.project(x, jnp.full((1, 2, 2), 4.0)).round(2).tolist()
    [[[0.7099999785423279, 0.7099999785423279], [0.0, 0.0]]]
  """
  checks.at_least_one("width", width)
  checks.norm(norm, _DIRECTION)
  ball = feature(eps, norm)

  def sample(key: Key, x: PyTree) -> Array:
    # Uniform in the ball of d coordinates: the d-th root of a uniform length.
    key_direction, key_length = jax.random.split(key)
    clean = zero_embeddings(x, width)
    direction = at_tokens(x, _DIRECTION[norm](key_direction, clean.shape))
    size = jnp.maximum(width * num_tokens(x), 1.0)
    length = jax.random.uniform(key_length, size.shape) ** (1 / size)
    length *= jnp.asarray(eps, jnp.float32)
    unit = tree.normalize(direction, norm)
    return tree.expand(length, unit) * unit

  def linear_maximizer(x: PyTree, grad: Array) -> Array:
    return ball.linear_maximizer(zero_embeddings(x, width), at_tokens(x, grad))

  def apply(x: PyTree, delta: Array) -> PyTree:
    before = x.get("delta", jnp.zeros_like(delta))
    return {**x, "delta": ball.apply(before, delta)}

  return PerturbationSet(
    zero=lambda x: zero_embeddings(x, width),
    sample=sample,
    project=lambda x, delta: ball.project(x, at_tokens(x, delta)),
    linear_maximizer=linear_maximizer,
    apply=apply,
    check=checks.text,
  )


def zero_embeddings(x: PyTree, width: int) -> Array:
  """Zeros `[B, T, width]` for the tokens of a text."""
  return jnp.zeros((*x["tokens"].shape, width), jnp.float32)


def at_tokens(x: PyTree, delta: Array) -> Array:
  """delta `[B, T, D]`, which becomes 0 at the padding of a text."""
  return jnp.where(x["mask"][..., None] > 0, delta, 0.0)


def num_tokens(x: PyTree) -> Array:
  """Number of tokens of each text, `[B]` float32."""
  return (x["mask"] > 0).sum(axis=1).astype(jnp.float32)
