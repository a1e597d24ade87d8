"""Universal adversarial perturbations: one delta for all images."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax import checks, losses, tree
from robust_jax.attacks.standalone import standalone
from robust_jax.objective import surrogate_of
from robust_jax.perturbations import first_order_step
from robust_jax.search.steps import default_step_size
from robust_jax.types import (
  Array,
  Key,
  Model,
  Objective,
  PerturbationSet,
  PyTree,
)
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu

Transform = Callable[[Key, Array], Array]

_LEAST_STEP = 0.1  # radii, by default


def universal(
  pset: PerturbationSet,
  objective: Objective = losses.cross_entropy,
  *,
  num_epochs: int = 10,
  batch_size: int = 128,
  step_size: Array | float | None = None,
  clip: Array | float = 9.0,
  transform: Transform | None = None,
) -> Callable[[Key, Model, Array, Array], PyTree]:
  """Universal perturbation: one delta for all images, by mini-batch ascent.

  **Not an `Attack`**: it has the same arguments, but learns from N images and
  returns the perturbation, which `apply_universal` puts on other images. delta
  stays in the set around a gray image, so no coordinate of an image changes by
  more than 1/2. The radius must be a single number.

  Args:
    pset: perturbation set of each image.
    objective: function to maximize for all images. With `losses.targeted(...)`
      and all labels equal, every image is pushed to that class.
    num_epochs: passes over the images, each in a new order. Images that do not
      fill a batch are left out of that epoch.
    batch_size: number of images per step, at most N.
    step_size: fraction of the radius. By default 2.5 over the number of steps,
      but at least 0.1: gradients of different batches partly cancel, so that
      many short steps make little progress.
    clip: images with an objective above it are ignored, so that a few very
      wrong ones do not outweigh all others.
    transform: `(key, x) -> x'`, a random transformation of the perturbed images
      (expectation over transformation), drawn anew for each batch.

  Returns:
    `(key, model, x [N, ...], targets [N, ...]) -> delta`, with leaves `[1,
    ...]`.

  Raises:
    ValueError: num_epochs or batch_size is not a whole number, 1 or more, there
      are fewer images than one batch, or outputs or targets are not those of
      the objective.

  Source: Shafahi, Najibi, Xu, Dickerson, Davis and Goldstein 2020, "Universal
  Adversarial Training", section 3 and algorithm 1 (clipped loss, beta = 9);
  Moosavi-Dezfooli et al. 2017 posed the problem. The last delta is returned.

  Deviation: the surrogate of the objective is maximized; in the `soft_margin`,
  that of the cross-entropy, images far from the boundary weigh no less than
  near ones.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> from robust_jax.attacks import universal
    >>> from robust_jax.attacks.universal.universal import apply_universal
    >>> pset, x = perturbations.linf(0.25), jnp.full((4, 2), 0.5)
    >>> find = universal(pset, batch_size=4, num_epochs=3)
    >>> delta = find(jax.random.key(0), lambda x: x, x, jnp.zeros(4, int))
    >>> print(apply_universal(pset, delta, x)[0])  # logits of classes 0 and 1
    [0.25 0.75]
  """
  checks.at_least_one("num_epochs", num_epochs)
  checks.at_least_one("batch_size", batch_size)

  @functools.partial(
    standalone, check_outputs=functools.partial(checks.objective, objective)
  )
  def find(key: Key, model: Model, x: Array, targets: PyTree) -> PyTree:
    model = canonicalize_on_cpu(model)
    num_batches = len(x) // batch_size
    if num_batches == 0:
      raise ValueError(
        f"{len(x)} images and batch_size = {batch_size}: expected at least one "
        "batch of images."
      )
    maximized = surrogate_of(objective)
    gray = jnp.full_like(x[:1], 0.5)
    if step_size is None:
      size: Array | float = max(
        default_step_size(num_epochs * num_batches), _LEAST_STEP
      )
    else:
      size = step_size

    def gradient(delta, key, x, targets):
      def loss(each):
        x_adv = pset.apply(x, each)
        if transform is not None:
          x_adv = transform(key, x_adv)
        outputs = model(x_adv)
        counts = objective(outputs, targets) < clip
        return jnp.where(counts, maximized(outputs, targets), 0.0)

      return mean_gradient(loss, delta, len(x))

    def epoch(i, delta):
      key_order, key_draws = jax.random.split(jax.random.fold_in(key, i))
      order = jax.random.permutation(key_order, len(x))

      def step(j, delta):
        rows = jax.lax.dynamic_slice(order, [j * batch_size], [batch_size])
        key_step = jax.random.fold_in(key_draws, j)
        grad = gradient(delta, key_step, x[rows], tree.rows(targets, rows))
        return first_order_step.step(pset, gray, delta, grad, size)

      return jax.lax.fori_loop(0, num_batches, step, delta)

    return jax.lax.fori_loop(0, num_epochs, epoch, pset.zero(gray))

  return find


def apply_universal(pset: PerturbationSet, delta: PyTree, x: Array) -> Array:
  """Applies one delta to all images x `[B, ...]`, within set and box."""
  return pset.apply(x, _for_each(delta, len(x)))


def mean_gradient(
  loss: Callable[[PyTree], Array], delta: PyTree, num_images: int
) -> PyTree:
  """Mean over images of the gradients with respect to a shared perturbation.

  Images whose gradient is not finite contribute 0.

  Args:
    loss: `(delta) -> [B]`, with leaves of delta `[B, ...]`.
    delta: shared perturbation, with leaves `[1, ...]`.
    num_images: B.
  """
  each = jax.grad(lambda each: loss(each).sum())(_for_each(delta, num_images))
  return jax.tree.map(lambda g: g.mean(0, keepdims=True), tree.finite(each))


def _for_each(delta: PyTree, num_images: int) -> PyTree:
  return jax.tree.map(
    lambda t: jnp.broadcast_to(t, (num_images, *t.shape[1:])), delta
  )
