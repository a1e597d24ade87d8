"""Ensembles: several models attacked as one, for transfer."""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from robust_jax import losses
from robust_jax.models.as_pytree import as_pytree
from robust_jax.types import Array, Model, Objective


def ensemble(
  logits_fns: Sequence[Model],
  average: Literal["logits", "probabilities"] = "logits",
) -> Model:
  """Averages the outputs of several models, with equal weights.

  For the average of their losses, see `concatenate_logits`.

  Args:
    logits_fns: models of the same classes. If each is a
      `jax.tree_util.Partial`, so is the result, and other parameters do not
      recompile.
    average: "logits" transfers best according to Dong et al.; with
      "probabilities" the softmax of the result is the mean of the models'
      softmaxes (Liu et al.).

  Returns:
    x `[B, ...]` -> logits `[B, K]`.

  Raises:
    ValueError: no models, or another average.

  Source: Dong et al. 2018, "Boosting Adversarial Attacks with Momentum",
  section 3.3 (eq. 9: logits); Liu, Chen, Liu and Song 2017, "Delving into
  Transferable Adversarial Examples and Black-box Attacks", section 5
  (probabilities).

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.ensemble import ensemble
    >>> model = ensemble([lambda x: x, lambda x: 3 * x])
    >>> model(jnp.array([[1.0, 0.5]])).tolist()
    [[2.0, 1.0]]
  """
  means = {"logits": _mean_logits, "probabilities": _mean_probabilities}
  if average not in means:
    raise ValueError(
      f"average = '{average}': expected 'logits' or 'probabilities'; for the "
      "mean of losses attack concatenate_logits(...) with mean_loss(...)."
    )
  return jax.tree_util.Partial(means[average], _partials(logits_fns))


def concatenate_logits(logits_fns: Sequence[Model]) -> Model:
  """Concatenates the logits of several models, for use with `mean_loss`.

  Args:
    logits_fns: M models of the same K classes.

  Returns:
    x `[B, ...]` -> `[B, M * K]`. These are not the logits of a classifier:
    attacks that read their argmax do not apply.

  Raises:
    ValueError: no models.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.models.ensemble import concatenate_logits
    >>> both = concatenate_logits([lambda x: x, lambda x: 3 * x])
    >>> both(jnp.array([[1.0, 0.5]])).tolist()
    [[1.0, 0.5, 3.0, 1.5]]
  """
  return jax.tree_util.Partial(_concatenate_logits, _partials(logits_fns))


def mean_loss(objective: Objective, num_models: int) -> Objective:
  """Averages an objective over the models of `concatenate_logits`.

  Args:
    objective: (logits `[B, K]`, labels `[B]`) -> `[B]`.
    num_models: M.

  Returns:
    (outputs `[B, M * K]`, labels `[B]`) -> `[B]`.

  Source: Dong et al. 2018, "Boosting Adversarial Attacks with Momentum",
  section 3.3, the third variant.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import attacks, losses, perturbations, search
    >>> from robust_jax.models.ensemble import concatenate_logits, mean_loss
    >>> loss = mean_loss(losses.cross_entropy, 2)
    >>> attack = attacks.compose(search.fgsm, perturbations.linf(0.1), loss)
    >>> both = concatenate_logits([lambda x: x, lambda x: 3 * x])
    >>> x, labels = jnp.array([[0.6, 0.4]]), jnp.array([0])
    >>> attack(jax.random.key(0), both, x, labels).round(3).tolist()
    [[0.5, 0.5]]
  """

  def mean(logits: Array, labels: Array) -> Array:
    each = jnp.split(logits, num_models, axis=-1)
    return jnp.stack([objective(one, labels) for one in each]).mean(axis=0)

  return mean


def _mean_logits(logits_fns, x):
  return _stacked_logits(logits_fns, x).mean(axis=0)


def _mean_probabilities(logits_fns, x):
  return losses.log_mean_probability(_stacked_logits(logits_fns, x))


def _concatenate_logits(logits_fns, x):
  return jnp.concatenate(list(_stacked_logits(logits_fns, x)), axis=-1)


def _stacked_logits(logits_fns, x):
  """`[M, B, K]` float32."""
  return jnp.stack([f(x).astype(jnp.float32) for f in logits_fns])


def _partials(logits_fns):
  """Makes pytrees of plain functions, as arguments of jit must be."""
  if not logits_fns:
    raise ValueError("an ensemble of no models: expected one or more.")
  return tuple(map(as_pytree, logits_fns))
