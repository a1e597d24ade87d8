"""Averages over tokens, and scores of a detector of replaced tokens."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from robust_jax import metrics
from robust_jax.tasks._state import mean_over_devices
from robust_jax.types import Array, Metrics

TokenValues = Mapping[str, tuple[Array, Array]]
"""Name -> values `[B, N]` of tokens, and `[B, N]`, 0 where none counts."""

_BOUND = 10.0
_NUM_BINS = 400


def mean_of_tokens(values: Array, weights: Array) -> Array:
  """The mean over the tokens of all devices, as `mean_over_devices`."""
  return mean_over_devices(values.ravel(), weights.ravel())


def averages(values: TokenValues) -> Metrics:
  """Sums over all tokens, and their numbers."""
  return {
    name: metrics.average(each.ravel(), weights.ravel())
    for name, (each, weights) in values.items()
  }


def sums_of_examples(values: TokenValues, mask: Array) -> Metrics:
  """Sums over the tokens of each example, of which `ratios` makes averages.

  Args:
    values: values of tokens.
    mask: `[B]`, 0 at padding of the batch.
  """
  found: Metrics = {}
  for name, (each, weights) in values.items():
    kept = jnp.where(weights > 0, each, 0.0)
    found[name] = metrics.average(kept.sum(axis=1), mask)
    found[f"{name}_weight"] = metrics.average(weights.sum(axis=1), mask)
  return found


def ratios(values: Mapping[str, Any]) -> dict[str, float]:
  """The averages over tokens, from `sums_of_examples`."""
  return {
    name: _ratio(total, values[f"{name}_weight"])
    for name, total in values.items()
    if f"{name}_weight" in values
  }


def histograms(
  logits: Array, replaced: Array, real: Array, mask: Array
) -> Metrics:
  """Counts logits of replaced and of original tokens in 400 bins.

  The bins are 0.05 wide and between -10 and 10; the first and the last one hold
  what is outside as well.

  Args:
    logits: `[B, T]`.
    replaced: `[B, T]` bool.
    real: `[B, T]`, 0 at padding of a text.
    mask: `[B]`, 0 at padding of the batch.
  """
  place = jnp.floor((logits + _BOUND) * (_NUM_BINS / (2 * _BOUND)))
  place = jnp.clip(place, 0, _NUM_BINS - 1).astype(jnp.int32)
  rows = jnp.arange(len(logits))[:, None]
  empty = jnp.zeros((len(logits), _NUM_BINS))
  kinds = {
    "replaced_logits": real * replaced,
    "original_logits": real * ~replaced,
  }
  return {
    name: metrics.average(empty.at[rows, place].add(weights), mask)
    for name, weights in kinds.items()
  }


def detection_scores(values: Mapping[str, Any]) -> dict[str, float]:
  """Scores of a detector, from its `histograms`.

  Returns:
    "auc", the probability that a replaced token has the larger logit than an
    original one, where two of one bin count half; "precision" and "recall" of
    replaced tokens, which are said to be those of logits of 0 or more.
  """
  replaced, original = (
    np.asarray(values[f"{kind}_logits"], np.float64)
    for kind in ("replaced", "original")
  )
  below = np.cumsum(original) - original / 2
  half = _NUM_BINS // 2
  found = replaced[half:].sum()
  return {
    "auc": _ratio((replaced * below).sum(), replaced.sum() * original.sum()),
    "precision": _ratio(found, found + original[half:].sum()),
    "recall": _ratio(found, replaced.sum()),
  }


def _ratio(part: float, whole: float) -> float:
  """Their ratio; 0 where there is nothing."""
  return float(part / whole) if whole else 0.0
