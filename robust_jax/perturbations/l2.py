"""L2 ball: the change of each example has Euclidean length at most eps."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.perturbations import balls, box
from robust_jax.types import Array, Key, PerturbationSet


def l2(eps: Array | float, *, exact: bool = True) -> PerturbationSet:
  """L2 ball: perturbations with `||delta||_2 <= eps` and x + delta in [0, 1].

  `project` finds the nearest point of ball and box together. `step` moves along
  the multiple of the gradient whose length is `size * eps` after the box has
  clipped it.

  Args:
    eps: radius in input units; a float, a tracer or `[B]`, one per example.
    exact: if False, `project` scales onto the ball and then clips to the box,
      and steps have length `size * eps` before they are clipped, as in
      AutoAttack. The clipped part is lost: a gradient that is large on pixels
      at their limits hardly moves the others.

  Raises:
    ValueError: eps is negative.

  Source: Madry et al. 2018; Croce and Hein 2020 for `exact=False`.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> pset, x = perturbations.l2(0.25), jnp.array([[0.5, 0.5, 0.5]])
    >>> pset.project(x, jnp.array([[0.0, -0.5, 0.0]]))
    Array([[ 0.  , -0.25,  0.  ]], dtype=float32)
  """
  checks.non_negative("eps", eps)

  def sample(key: Key, x: Array) -> Array:
    # Uniform in the ball: a uniform direction, and the d-th root of a uniform.
    key_direction, key_length = jax.random.split(key)
    direction = jax.random.normal(key_direction, x.shape, jnp.float32)
    uniform = jax.random.uniform(key_length, x.shape[:1], jnp.float32)
    power = 1.0 / (x.size // x.shape[0])
    length = box.radius(eps, x, "l2") * uniform**power
    unit = tree.normalize(direction, "l2")
    return unit * tree.expand(length, unit)

  def project(x, delta):
    room = box.room(x, delta) if exact else jnp.inf
    return box.clip_delta(
      x, balls.onto_l2(delta, box.radius(eps, x, "l2"), room)
    )

  def step(x, delta, grad, size):
    radius = box.radius(eps, x, "l2")
    along = balls.along_l2(grad, radius, box.room(x, grad))
    return project(x, tree.add(delta, size, along))

  def linear_maximizer(x, grad):
    return tree.expand(box.radius(eps, x, "l2"), x) * tree.normalize(grad, "l2")

  return PerturbationSet(
    zero=lambda x: jnp.zeros(x.shape, jnp.float32),
    sample=sample,
    project=project,
    linear_maximizer=linear_maximizer,
    apply=box.apply,
    check=checks.images,
    step=step if exact else None,
  )
