"""Several models as one: what is attacked in order to fool yet another."""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from robust_jax.types import Array, Model, Objective


def ensemble(
  logits_fns: Sequence[Model],
  average: Literal["logits", "probabilities"] = "logits",
) -> Model:
  """The model that answers the mean of several models' answers.

  For the mean of their losses, see `side_by_side`.

  Args:
    logits_fns: models of the same classes. If each is a `jax.tree_util.Partial`
      so is the result, and new parameters do not recompile.
    average: "logits" transfers best (Dong et al.); "probabilities" is a vote of
      calibrated models: its softmax is the mean of theirs (Liu et al.).

  Returns:
    x `[B, ...]` -> logits `[B, K]`.

  Raises:
    ValueError: no models, or another average.

  Source: Dong et al. 2018, "Boosting Adversarial Attacks with Momentum",
  section 3.3 (eq. 9: logits); Liu, Chen, Liu and Song 2017, "Delving into
  Transferable Adversarial Examples and Black-box Attacks", section 5
  (probabilities). All models have the same weight.
  """
  means = {"logits": _mean_logits, "probabilities": _mean_probabilities}
  if average not in means:
    raise ValueError(
      f"average = '{average}': expected 'logits' or 'probabilities'; for the "
      "mean of losses attack side_by_side(...) with mean_loss(...)."
    )
  return jax.tree_util.Partial(means[average], _partials(logits_fns))


def side_by_side(logits_fns: Sequence[Model]) -> Model:
  """All the answers next to each other, for `mean_loss`.

  Args:
    logits_fns: M models of the same K classes.

  Returns:
    x `[B, ...]` -> `[B, M * K]`: not the logits of a classifier, so no attack
    that reads its argmax will do.

  Raises:
    ValueError: no models.
  """
  return jax.tree_util.Partial(_side_by_side, _partials(logits_fns))


def mean_loss(objective: Objective, num_models: int) -> Objective:
  """The objective of each of the models side by side, averaged.

      attack = compose(search.pgd, pset, mean_loss(losses.cross_entropy, 3))
      attack(key, side_by_side([first, second, third]), x, labels)

  Args:
    objective: logits `[B, K]`, labels `[B]` -> `[B]`.
    num_models: M.

  Returns:
    `[B, M * K]`, labels `[B]` -> `[B]`.

  Source: the third variant in section 3.3 of Dong et al. 2018.
  """

  def mean(logits: Array, labels: Array) -> Array:
    each = jnp.split(logits, num_models, axis=-1)
    return jnp.stack([objective(one, labels) for one in each]).mean(axis=0)

  return mean


def _mean_logits(logits_fns, x):
  return _answers(logits_fns, x).mean(axis=0)


def _mean_probabilities(logits_fns, x):
  log_p = jax.nn.log_softmax(_answers(logits_fns, x))
  return jax.nn.logsumexp(log_p, axis=0) - jnp.log(len(logits_fns))


def _side_by_side(logits_fns, x):
  return jnp.concatenate(list(_answers(logits_fns, x)), axis=-1)


def _answers(logits_fns, x):
  """`[M, B, K]` float32."""
  return jnp.stack([f(x).astype(jnp.float32) for f in logits_fns])


def _partials(logits_fns):
  """A plain function becomes a pytree without leaves, as jit wants it."""
  if not logits_fns:
    raise ValueError("an ensemble of no models: give it at least one.")
  return tuple(
    f if isinstance(f, jax.tree_util.Partial) else jax.tree_util.Partial(f)
    for f in logits_fns
  )
