"""L1 ball: large changes of few coordinates, or small ones of many."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.perturbations import balls, box
from robust_jax.types import Array, Key, PerturbationSet


def l1(eps: Array | float) -> PerturbationSet:
  """L1 ball: perturbations with `||delta||_1 <= eps` and x + delta in [0, 1].

  `project` finds the nearest point of ball and box together. Projecting onto
  one and then the other is not the same, and wastes the part of the radius that
  the box cuts off.

  `linear_maximizer` puts the whole radius on the coordinate with the largest
  gradient, in equal parts if several are as large. In the box that coordinate
  soon reaches its limit, so `step` moves straight towards the maximizer over
  both: the coordinates with the largest gradient first, each as far as the box
  allows, until the radius is used up.

  Args:
    eps: radius in input units, summed over coordinates; a float, a tracer or
      `[B]`, one per example.

  Raises:
    ValueError: eps is negative.

  Source: Croce and Hein 2021, "Mind the box: l1-APGD for sparse adversarial
  attacks on image classifiers", section 2, for the projection and the
  maximizer, which they find by sorting. The random start is uniform in the
  ball; the box clips it where it is applied.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset, x = perturbations.l1(0.5), jnp.array([[0.5, 0.5, 0.5]])
    >>> pset.project(x, jnp.array([[0.5, -0.25, 0.0]]))
    Array([[ 0.375, -0.125,  0.   ]], dtype=float32)
  """
  checks.non_negative("eps", eps)

  def project(x, delta):
    return box.clip_delta(
      x, balls.onto_l1(delta, box.radius(eps, x, "l1"), box.room(x, delta))
    )

  def sample(key: Key, x: Array) -> Array:
    # A vector of Laplace variables over their length and one more exponential
    # variable is uniform in the unit ball.
    key_direction, key_length = jax.random.split(key)
    direction = jax.random.laplace(key_direction, x.shape, jnp.float32)
    inner = jax.random.exponential(key_length, x.shape[:1], jnp.float32)
    scale = box.radius(eps, x, "l1") / (tree.norm(direction, "l1") + inner)
    return tree.expand(scale, x) * direction

  def linear_maximizer(x, grad):
    size = jnp.abs(grad)
    largest = tree.expand(tree.norm(grad, "linf"), grad)
    corner = jnp.sign(grad) * (size == largest)
    radius = box.radius(eps, x, "l1")
    return tree.expand(radius, x) * tree.normalize(corner, "l1")

  return PerturbationSet(
    zero=lambda x: jnp.zeros(x.shape, jnp.float32),
    sample=sample,
    project=project,
    linear_maximizer=linear_maximizer,
    apply=box.apply,
    check=checks.images,
    step=lambda x, delta, grad, size: balls.toward_l1(
      delta, grad, box.radius(eps, x, "l1"), box.room(x, grad), size
    ),
  )
