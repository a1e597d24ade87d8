"""The L1 ball: much change in few coordinates, or little in many."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.perturbations import balls, box
from robust_jax.types import Array, Key, PerturbationSet


def l1(eps: Array | float) -> PerturbationSet:
  """Perturbations with `||delta||_1 <= eps`, and x + delta in [0, 1].

  `project` finds the nearest point of ball and box together. To project on one
  and then on the other is not that, and gives away much of the radius: what the
  box cuts off is lost.

  `linear_maximizer` puts the whole radius on the coordinate of largest
  gradient, in equal parts where several are as large. In the box that
  coordinate is soon full, so `step` goes straight towards the best point of
  both: coordinates of largest gradient first, each as far as the box lets it,
  until the radius is used up.

  Args:
    eps: radius in input units, summed over coordinates: a float, a tracer or
      `[B]`, one per example.

  Raises:
    ValueError: eps is negative.

  Source: Croce and Hein 2021, "Mind the box: l1-APGD for sparse adversarial
  attacks on image classifiers", section 2, for the projection and for the best
  point, which they find by sorting. The random start is uniform in the ball;
  the box cuts it where it is applied.
  """
  checks.non_negative("eps", eps)

  def project(x, delta):
    return box.into(
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
