"""The model under attack, once what it is asked has been checked."""

import jax

from robust_jax import checks
from robust_jax.on_cpu import canonicalize_on_cpu
from robust_jax.types import Array, LogitsFn


def victim(logits_fn: LogitsFn, x: Array, labels: Array) -> LogitsFn:
  """`logits_fn` in the form that is fast in loops; see `canonicalize`.

  Args:
    logits_fn: the model.
    x: images `[B, ...]` that it will be asked about.
    labels: classes `[B]`.

  Raises:
    ValueError: images, labels or the answer's shape cannot be meant.
  """
  checks.images(x)
  logits = jax.eval_shape(logits_fn, x)
  checks.logits(logits, x.shape[0])
  checks.labels(labels, *logits.shape)
  return canonicalize_on_cpu(logits_fn)
