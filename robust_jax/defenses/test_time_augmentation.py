"""A model asked about several views of each image."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax.models.inference import as_pytree
from robust_jax.types import Array, Model


def test_time_augmentation(
  logits_fn: Model, views: Callable[[Array], Array]
) -> Model:
  """The model that answers the mean of its probabilities for all views.

  It is a `Model` like any other, to be evaluated, compared and attacked as
  one; and a pytree of the model's, so that new parameters do not recompile as
  long as `views` is equal. It costs as many passes as there are views.

      flips = views.Every(perturbations.shift(0, flip="horizontal"), 1)
      model = test_time_augmentation(frozen(net, variables), flips)

  Args:
    logits_fn: the model. If it is a `jax.tree_util.Partial`, its parameters are
      traced.
    views: x `[B, ...]` -> `[V, B, ...]`, such as those of `defenses.views`.

  Returns:
    x `[B, ...]` -> logits `[B, K]`, whose softmax is the mean over views of the
    model's.

  Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep
  Convolutional Neural Networks", section 4.1: ten crops and flips.
  """
  return jax.tree_util.Partial(_Average(views), as_pytree(logits_fn))


# A name that begins like this is no test of pytest's.
test_time_augmentation.__test__ = False


@dataclasses.dataclass(frozen=True)
class _Average:
  """Equal where the views are."""

  views: Callable[[Array], Array]

  def __call__(self, logits_fn: Model, x: Array) -> Array:
    views = self.views(x)
    # As one batch: a loop over views would be compiled for each of them.
    logits = logits_fn(views.reshape(-1, *x.shape[1:]))
    log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
    log_p = log_p.reshape(len(views), len(x), -1)
    return jax.nn.logsumexp(log_p, axis=0) - jnp.log(len(views))
