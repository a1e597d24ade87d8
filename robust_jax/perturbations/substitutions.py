"""Token substitutions: some tokens of a text become one of their candidates."""

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.perturbations import _grid as lattice
from robust_jax.perturbations.top_k import largest_mask
from robust_jax.types import Array, Grid, Key, PerturbationSet, PyTree


def substitutions(
  candidates: np.ndarray, max_changes: Array | int
) -> PerturbationSet:
  """Replacements of at most `max_changes` tokens by one of S candidates each.

  x is `{"tokens": [B, T] int, "mask": [B, T]}`, with mask 1 at tokens and 0 at
  padding, which is never replaced. delta `[B, T, S]` is one-hot at replaced
  tokens and 0 at the others:

      token t becomes candidates[tokens[t], s]  where  delta[t, s] = 1.

  `project` and `linear_maximizer` choose the best candidate of each token, for
  the `max_changes` tokens that gain most: the nearest text, and the best text
  to first order (as in HotFlip). `sample` replaces 1 to `max_changes` tokens,
  each number with equal probability. `apply` returns tokens, so delta has no
  gradient through it.

  `grid(x, n)` contains all ways to replace at most `max_changes` tokens by one
  of their first n candidates each, some of them more than once.

  Args:
    candidates: `[V, S]`, the candidates of each token of a vocabulary of V.
      Rows are filled up with the token itself, which is no replacement.
    max_changes: largest number of replacements; a number, a tracer or `[B]`,
      one per example. A grid is far smaller for a concrete value.

  Raises:
    ValueError: candidates are not such a table, or max_changes is negative.

  Example:
    >>> import jax.numpy as jnp, numpy as np
    >>> from robust_jax import perturbations
    >>> candidates = np.array([[0, 0], [2, 3], [1, 3], [1, 2]])
    >>> pset = perturbations.substitutions(candidates, max_changes=1)
    >>> x = {"tokens": jnp.array([[1, 2, 0]]), "mask": jnp.array([[1, 1, 0]])}
    >>> gain = jnp.zeros((1, 3, 2)).at[0, 1, 1].set(1.0)  # token 2 -> 3
    >>> pset.apply(x, pset.linear_maximizer(x, gain))["tokens"]
    Array([[1, 3, 0]], dtype=int32)
  """
  candidates = np.asarray(candidates)
  checks.token_table("candidates", candidates)
  checks.non_negative("max_changes", max_changes)
  vocabulary_size, num_candidates = candidates.shape

  def shape_of(x: PyTree) -> tuple[int, int, int]:
    return *x["tokens"].shape, num_candidates

  def candidates_of(x: PyTree) -> Array:
    return jnp.asarray(candidates)[x["tokens"]]

  def best(x: PyTree, gain: Array, k: Array | int = max_changes) -> Array:
    """The delta that maximizes `<gain, delta>`, with at most k replacements."""
    is_other = candidates_of(x) != x["tokens"][..., None]
    gain = jnp.where(is_other & _is_token(x)[..., None], gain, 0.0)
    score = jnp.maximum(gain.max(axis=-1), 0.0)
    replaced = largest_mask(score, k) & (score > 0)
    which = jax.nn.one_hot(gain.argmax(axis=-1), num_candidates)
    return jnp.where(replaced[..., None], which, 0.0)

  def sample(key: Key, x: PyTree) -> Array:
    key_number, key_gain = jax.random.split(key)
    number = jax.random.uniform(key_number, shape_of(x)[:1], minval=1e-6)
    gain = jax.random.uniform(key_gain, shape_of(x), minval=1e-6)
    return best(x, gain, jnp.ceil(number * max_changes))

  def apply(x: PyTree, delta: Array) -> PyTree:
    which = delta.argmax(axis=-1)[..., None]
    chosen = jnp.take_along_axis(candidates_of(x), which, axis=-1)[..., 0]
    replaced = _is_token(x) & (delta.max(axis=-1) > 0.5)
    tokens = jnp.where(replaced, chosen.astype(x["tokens"].dtype), x["tokens"])
    return {**x, "tokens": tokens}

  def grid(x: PyTree, n: int | Sequence[int]) -> Grid:
    n = lattice.single_count(n)
    length = x["tokens"].shape[1]
    counts, places = _places(length, max_changes, min(n, num_candidates))

    def at(index: Array) -> Array:
      place, *digits = jnp.unravel_index(index, counts)
      # -1, that of no replacement, is one-hot nowhere.
      which = jax.nn.one_hot(jnp.stack(digits) - 1, num_candidates)
      one = jnp.zeros(shape_of(x)[1:]).at[jnp.asarray(places)[place]].set(which)
      return best(x, jnp.broadcast_to(2 * one - 1, shape_of(x)))

    return Grid(math.prod(counts), at)

  return PerturbationSet(
    zero=lambda x: jnp.zeros(shape_of(x), jnp.float32),
    sample=sample,
    # Of vectors of zeros and ones v, |v - delta|^2 = <1 - 2 delta, v> + const.
    project=lambda x, delta: best(x, 2 * delta - 1),
    linear_maximizer=best,
    apply=apply,
    check=lambda x: checks.text(x, vocabulary_size),
    grid=grid,
  )


def _is_token(x: PyTree) -> Array:
  return x["mask"] > 0


def _places(
  length: int, max_changes: Array | int, num_candidates: int
) -> tuple[tuple[int, ...], np.ndarray]:
  """Counts of a grid's choices, and sets of positions `[counts[0], k]`."""
  k = length
  if not isinstance(max_changes, jax.core.Tracer):
    k = int(np.clip(np.max(max_changes), 1, length))
  counts = (math.comb(length, k), *[num_candidates + 1] * k)
  if math.prod(counts) >= 2**31:
    raise ValueError(
      f"a grid of {math.prod(counts):.1e} points, all ways to replace {k} of "
      f"{length} tokens: expected fewer than 2^31; use search.random_search."
    )
  return counts, np.asarray(list(itertools.combinations(range(length), k)))
