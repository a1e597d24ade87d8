"""Searching for what still works after a random transformation.

A search calls its objective with x' and no key, often in a compiled loop. Fresh
transformations at every call, without hidden state, need a key from somewhere:
it is drawn from x' itself. Each call at a new point meets new transformations;
a call at the same point meets the same ones, so the objective stays a function,
and what a search says about its value is true. The key is that of one example:
its draws depend neither on its place in the batch nor on its neighbors.
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

  Any distribution will do. That of a perturbation set is
  `lambda key, x: pset.apply(x, pset.sample(key, x))`.

      robust = expectation_over_transformation(search.pgd, transform, 16)
      attack = compose(robust, pset, losses.cross_entropy, num_steps=100)

  The value of the result is the mean over the draws that its point met. A
  search that returns the best of many points returns one that was lucky in its
  draws, so that this value flatters: judge the result on fresh draws, and where
  the search has `keep="last"`, as `pgd` has, prefer it.

  Args:
    search: what to search with. Each pass of it becomes `num_samples` passes.
    transform: called on one example at a time, as a batch of one under `vmap`.
    num_samples: draws averaged at each evaluation of the objective.
    fresh: new draws at each point, the method of the paper. Otherwise each
      example meets the same draws at every point: the objective is then smooth,
      as line searches and finite differences want it, but only `num_samples`
      transformations are ever seen, and the result is fitted to them.

  Returns:
    A search with the hyperparameters of `search`.

  Raises:
    ValueError: num_samples is not a whole number, 1 or more.

  Source: Athalye, Engstrom, Ilyas and Kwok 2018, "Synthesizing Robust
  Adversarial Examples", section 2.2. Deviations: the constraint is the
  perturbation set, on the image before it is transformed, instead of a penalty
  on the distance after; keys are derived from the image, see above.
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
  """A key for each example, `[B]`, that changes with key and with any pixel.

  It comes from a hash of the bits of x, 32 bits wide: the change of one pixel
  always shows, that of several but for a chance of about 2^-32. No gradient
  flows through it.
  """
  values = lax.stop_gradient(x).astype(jnp.float32).reshape(x.shape[0], -1)
  bits = lax.bitcast_convert_type(values, jnp.uint32)
  key_hash, key_draw = jax.random.split(key)
  places = jax.random.bits(key_hash, bits.shape[1:], jnp.uint32)
  hashes = jnp.sum(_mixed(bits ^ places), axis=1, dtype=jnp.uint32)
  return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key_draw, hashes)


def _mixed(bits: Array) -> Array:
  """One to one, and every bit in changes every bit out half of the time.

  Source: the last steps of MurmurHash3 (Appleby, public domain).
  """
  bits = (bits ^ (bits >> 16)) * jnp.uint32(0x85EBCA6B)
  bits = (bits ^ (bits >> 13)) * jnp.uint32(0xC2B2AE35)
  return bits ^ (bits >> 16)


def _each_alone(transform: Transform, keys: Array, x: Array) -> Array:
  return jax.vmap(lambda k, row: transform(k, row[None])[0])(keys, x)
