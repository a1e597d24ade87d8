"""Expectation over transformation (EOT), for any search.

A search calls its objective with x' but without a key, often inside a compiled
loop. To draw fresh transformations at each call without hidden state, the key
is derived from x' itself. A call at a new point uses new transformations, and a
call at the same point the same ones, so that the objective remains a function
and a search reports its value correctly. The key belongs to one example: its
draws depend neither on its place in the batch nor on the other examples.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from robust_jax import checks
from robust_jax.types import Array, Key, PerturbationSet, Search, SearchResult

Transform = Callable[[Key, Array], Array]
"""(key, x `[B, ...]`) -> x' `[B, ...]`, random, differentiable in x."""


def expectation_over_transformation(
  search: Search, transform: Transform, num_samples: int, *, fresh: bool = True
) -> Search:
  """Makes a search maximize the mean objective over random transformations.

  Any distribution is possible. That of a perturbation set is `lambda key, x:
  pset.apply(x, pset.sample(key, x))`.

  The value of the result is the mean over the draws at its point. A search that
  returns the best of many points tends to return one with lucky draws, so its
  value is optimistic: evaluate the result on fresh draws, and prefer
  `keep="last"` where the search has it, as `pgd` does.

  Args:
    search: the search. Each of its passes becomes `num_samples` passes.
    transform: random transformation, called with one example at a time, as a
      batch of one under `vmap`.
    num_samples: number of draws averaged at each evaluation of the objective.
    fresh: whether new transformations are drawn at each point, as in the paper.
      Otherwise each example uses the same draws at every point: the objective
      is then smooth, as line searches and finite differences need it, but the
      result is fitted to only `num_samples` transformations.

  Returns:
    a search with the hyperparameters of `search`.

  Raises:
    ValueError: num_samples is not a whole number, 1 or more.

  Source: Athalye, Engstrom, Ilyas and Kwok 2018, "Synthesizing Robust
  Adversarial Examples", section 2.2.

  Deviation: the constraint is the perturbation set, on the image before it is
  transformed, instead of a penalty on the distance after; keys are derived from
  the image, see above.

  Example:
    >>> import functools, jax, jax.numpy as jnp
    >>> from robust_jax import perturbations, search
    >>> from robust_jax.search import expectation_over_transformation as eot
    >>> noisy = lambda key, x: x + jax.random.normal(key, x.shape)
    >>> robust = eot.expectation_over_transformation(search.fgsm, noisy, 2)
    >>> x, pset = jnp.full((2, 3), 0.5), perturbations.linf(0.25)
    >>> found = robust(jax.random.key(0), lambda x: x.sum(axis=-1), pset, x)
    >>> print(pset.apply(x, found.delta)[0])
    [0.75 0.75 0.75]
  """
  checks.at_least_one("num_samples", num_samples)

  def expected(
    key: Key,
    objective: Callable[[Array], Array],
    pset: PerturbationSet,
    x: Array,
    **hyper: Any,
  ) -> SearchResult:
    key_draws, key_search = jax.random.split(key)

    def mean_objective(x_adv):
      keys = keys_of_images(key_draws, x_adv if fresh else x)
      keys = jax.vmap(lambda k: jax.random.split(k, num_samples))(keys)

      def at_draw(keys):
        return objective(_each_alone(transform, keys, x_adv))

      return jax.vmap(at_draw, in_axes=1)(keys).mean(axis=0)

    return search(key_search, mean_objective, pset, x, **hyper)

  return expected


def keys_of_images(key: Key, x: Array) -> Array:
  """Derives a key for each example, `[B]`, from `key` and the values of x.

  It comes from a 32-bit hash of the bits of x. A change of one pixel always
  changes the key; a change of several pixels leaves it with a probability of
  about 2^-32. No gradient flows through it.
  """
  values = lax.stop_gradient(x).astype(jnp.float32).reshape(x.shape[0], -1)
  bits = lax.bitcast_convert_type(values, jnp.uint32)
  key_hash, key_draw = jax.random.split(key)
  places = jax.random.bits(key_hash, bits.shape[1:], jnp.uint32)
  hashes = jnp.sum(_mixed(bits ^ places), axis=1, dtype=jnp.uint32)
  return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key_draw, hashes)


def _mixed(bits: Array) -> Array:
  """A bijection in which each input bit flips each output bit half of the time.

  Source: the last steps of MurmurHash3 (Appleby, public domain).
  """
  bits = (bits ^ (bits >> 16)) * jnp.uint32(0x85EBCA6B)
  bits = (bits ^ (bits >> 13)) * jnp.uint32(0xC2B2AE35)
  return bits ^ (bits >> 16)


def _each_alone(transform: Transform, keys: Array, x: Array) -> Array:
  return jax.vmap(lambda k, row: transform(k, row[None])[0])(keys, x)
