"""Test-time augmentation: mean prediction over several views of each image."""

import dataclasses
from collections.abc import Callable

import jax

from robust_jax.losses import log_mean_probability
from robust_jax.models.as_pytree import as_pytree
from robust_jax.types import Array, Model


def test_time_augmentation(
  logits_fn: Model, views: Callable[[Array], Array]
) -> Model:
  """Test-time augmentation: the mean of a model's probabilities over views.

  The result is a `Model`, to be evaluated, compared and attacked as any other,
  and a pytree of the model's parameters, so that new ones do not recompile if
  `views` is equal. It costs as many passes as there are views.

  Args:
    logits_fn: the model. If it is a `jax.tree_util.Partial`, its parameters are
      traced.
    views: x `[B, ...]` -> `[V, B, ...]`, such as those of `defenses.views`.

  Returns:
    x `[B, ...]` -> logits `[B, K]`, whose softmax is the mean over views of the
    model's.

  Source: Krizhevsky et al. 2012, "ImageNet Classification with Deep
  Convolutional Neural Networks", section 4.1: ten crops and flips.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> from robust_jax.defenses import test_time_augmentation
    >>> from robust_jax.defenses.views import GridViews
    >>> flips = GridViews(perturbations.shift(0, flip="horizontal"), 1)
    >>> model = test_time_augmentation(lambda x: x[:, 0, :, 0], flips)
    >>> logits = model(jnp.array([[1.0, 0.0]]).reshape(1, 1, 2, 1))
    >>> jax.nn.softmax(logits)
    Array([[0.5, 0.5]], dtype=float32)
  """
  return jax.tree_util.Partial(_Average(views), as_pytree(logits_fn))


# pytest would take the name for that of a test.
vars(test_time_augmentation)["__test__"] = False


@dataclasses.dataclass(frozen=True)
class _Average:
  """The mean over views; equal if the views are."""

  views: Callable[[Array], Array]

  def __call__(self, logits_fn: Model, x: Array) -> Array:
    views = self.views(x)
    # As one batch: a loop over views would be compiled for each view.
    logits = logits_fn(views.reshape(-1, *x.shape[1:]))
    return log_mean_probability(logits.reshape(len(views), len(x), -1))
