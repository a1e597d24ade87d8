"""A model behind a random transformation of its input."""

import dataclasses

import jax

from robust_jax import checks
from robust_jax.defenses.bpda import differentiated_as
from robust_jax.models.as_pytree import as_pytree
from robust_jax.search.expectation_over_transformation import keys_of_images
from robust_jax.types import Array, Augmentation, Model


def random_transformation(
  logits_fn: Model,
  augmentation: Augmentation,
  *,
  num_draws: int = 10,
  seed: int = 0,
) -> Model:
  """A model that sees one random draw of an augmentation of each image.

      f(x)     = logits_fn(augmentation(key(x), x))
      df/dx    = the mean derivative over num_draws other draws

  The draw is a function of the image's own bits and of `seed`: the answer to an
  image does not change from call to call, that to a changed image comes of a
  new draw. The derivative is that of expectation over transformation (EOT), so
  that an attack climbs what holds for all draws. Compiled,
  it costs one pass to answer, and `num_draws` more forward and backward passes
  to differentiate.

  Args:
    logits_fn: x `[B, ...]` in [0, 1] -> logits `[B, K]`.
    augmentation: (key, x) -> x', such as `augmentation.pad_crop(2)` or
      `augmentation.corrupt("gaussian_noise")`. It is called on each image
      alone, and differentiated: of one without a derivative make a `bpda`.
    num_draws: whose derivatives are averaged.
    seed: of the draws.

  Raises:
    ValueError: num_draws is not a whole number, 1 or more.

  Source: Xie et al. 2018, "Mitigating Adversarial Effects Through
  Randomization", the defense; Athalye, Carlini and Wagner 2018, "Obfuscated
  Gradients Give a False Sense of Security", section 4.2, the attack on it.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> noisy = lambda key, x: x + 0.1 * jax.random.normal(key, x.shape)
    >>> model = random_transformation(lambda x: 2 * x, noisy)
    >>> jax.grad(lambda x: model(x).sum())(jnp.ones((1, 2))).round(3)
    Array([[2., 2.]], dtype=float32)
  """
  checks.at_least_one("num_draws", num_draws)
  function = _RandomlyTransformed(augmentation, num_draws, seed)
  return jax.tree_util.Partial(function, as_pytree(logits_fn))


@dataclasses.dataclass(frozen=True)
class _RandomlyTransformed:
  """Equal where augmentation and numbers are."""

  augmentation: Augmentation
  num_draws: int
  seed: int

  def __call__(self, logits_fn: Model, x: Array) -> Array:
    keys = keys_of_images(jax.random.key(self.seed), x)
    keys = jax.vmap(lambda key: jax.random.split(key, self.num_draws + 1))(keys)
    answered = logits_fn(self._drawn(keys[:, 0], x))
    at_draw = lambda keys: logits_fn(self._drawn(keys, x))
    expected = jax.vmap(at_draw, in_axes=1)(keys[:, 1:]).mean(axis=0)
    return differentiated_as(jax.lax.stop_gradient(answered), expected)

  def _drawn(self, keys: Array, x: Array) -> Array:
    draw = lambda key, image: self.augmentation(key, image[None])[0]
    return jax.vmap(draw)(keys, x)
