"""One perturbation for all images."""

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
  """Finds one delta for all images, by ascent over mini-batches.

  **Not an `Attack`**: it has the arguments of one, but it learns from N images,
  and returns the perturbation. `applied(pset, delta, x)` puts it on others:

      find = universal(perturbations.linf(0.2))
      delta = find(key, logits_fn, x_train, labels_train)
      x_adv = applied(perturbations.linf(0.2), delta, x_test)

  delta stays in the set around a gray image: whatever is added to an image
  changes no coordinate by more than 1/2. The radius must be one number.

  Args:
    pset: what may be done to each image.
    objective: what to maximize for all; `losses.targeted(...)` with labels
      that are all the target makes every image that class.
    num_epochs: passes over the images, each in a new order. What does not fill
      a batch is left out of that epoch.
    batch_size: images per step; at most N.
    step_size: fraction of the radius; by default 2.5 over the number of steps,
      but 0.1 at least: gradients of different batches partly cancel, so that
      many short steps get nowhere.
    clip: of the objective: an image whose value is above it has no say, so
      that a few very wrong ones do not outweigh all others.
    transform: `(key, x) -> x'`, a random transformation of the perturbed images
      (expectation over transformation), drawn anew for each batch.

  Returns:
    `(key, logits_fn, x [N, ...], labels [N]) -> delta`, leaves `[1, ...]`.

  Raises:
    ValueError: zero epochs, or fewer images than one batch.

  Source: Shafahi, Najibi, Xu, Dickerson, Davis and Goldstein 2020, "Universal
  Adversarial Training", section 3 and algorithm 1 (clipped loss, beta = 9);
  Moosavi-Dezfooli et al. 2017 posed the problem. The last delta is returned.
  Deviation: the surrogate of the objective is maximized; in the `soft_margin`,
  that of the cross-entropy, images far from the boundary weigh no less than
  near ones.
  """
  checks.at_least_one("num_epochs", num_epochs)
  checks.at_least_one("batch_size", batch_size)

  @standalone
  def find(key: Key, logits_fn: Model, x: Array, labels: Array) -> PyTree:
    model = canonicalize_on_cpu(logits_fn)
    num_batches = len(x) // batch_size
    if num_batches == 0:
      raise ValueError(
        f"{len(x)} images and batch_size = {batch_size}: give more images or a "
        "smaller batch."
      )
    climb = surrogate_of(objective)
    gray = jnp.full_like(x[:1], 0.5)
    if step_size is None:
      size = max(default_step_size(num_epochs * num_batches), _LEAST_STEP)
    else:
      size = step_size

    def gradient(delta, key, x, labels):
      def loss(each):
        x_adv = pset.apply(x, each)
        if transform is not None:
          x_adv = transform(key, x_adv)
        logits = model(x_adv)
        has_say = objective(logits, labels) < clip
        return jnp.where(has_say, climb(logits, labels), 0.0)

      return mean_gradient(loss, delta, len(x))

    def epoch(i, delta):
      key_order, key_draws = jax.random.split(jax.random.fold_in(key, i))
      order = jax.random.permutation(key_order, len(x))

      def step(j, delta):
        rows = jax.lax.dynamic_slice(order, [j * batch_size], [batch_size])
        key_step = jax.random.fold_in(key_draws, j)
        grad = gradient(delta, key_step, x[rows], labels[rows])
        return first_order_step.step(pset, gray, delta, grad, size)

      return jax.lax.fori_loop(0, num_batches, step, delta)

    return jax.lax.fori_loop(0, num_epochs, epoch, pset.zero(gray))

  return find


def applied(pset: PerturbationSet, delta: PyTree, x: Array) -> Array:
  """Every image of x `[B, ...]` with the one delta, in the set and the box."""
  return pset.apply(x, _for_each(delta, len(x)))


def mean_gradient(
  loss: Callable[[PyTree], Array], delta: PyTree, num_images: int
) -> PyTree:
  """The mean over images of the gradients in what they fraction.

  An image whose gradient is not finite has no say.

  Args:
    loss: delta, leaves `[B, ...]` -> `[B]`.
    delta: leaves `[1, ...]`.
    num_images: B.
  """
  each = jax.grad(lambda each: loss(each).sum())(_for_each(delta, num_images))
  return jax.tree.map(lambda g: g.mean(0, keepdims=True), tree.finite(each))


def _for_each(delta: PyTree, num_images: int) -> PyTree:
  return jax.tree.map(
    lambda t: jnp.broadcast_to(t, (num_images, *t.shape[1:])), delta
  )
