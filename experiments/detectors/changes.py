"""Changes that attack a detector, and those that cost an adversary nothing."""

from collections.abc import Callable
from typing import NamedTuple, get_args

import jax
import jax.numpy as jnp

from robust_jax import attacks, perturbations
from robust_jax.attacks.detection import tog
from robust_jax.attacks.detection.tog import Goal
from robust_jax.attacks.universal.adversarial_patch import (
  place,
  random_placement,
)
from robust_jax.attacks.universal.universal import apply_universal
from robust_jax.losses.detection import vanish
from robust_jax.types import AnyArray, Array, Key, Model, PyTree

PATCH = "patch"
MISLABELING = ("tog_most_likely", "tog_least_likely")
NAMES = (
  "random_noise",
  *(f"tog_{goal}" for goal in get_args(Goal)),
  "universal",
  "noise_patch",
  PATCH,
)
"""In the order of the table."""

_RESOLUTION = 32  # of a patch
_TURN = 20.0  # degrees, of a patch


class Change(NamedTuple):
  """A change of images.

  Attributes:
    settings: all that it depends on, for people and to tell results apart.
    apply: `(key, model, x, y, learned) -> x'`.
    learn: `(key, model, x, y) -> learned`, from training images; None if there
      is nothing to learn.
  """

  settings: str
  apply: Callable[[Key, Model, Array, PyTree, AnyArray | None], Array]
  learn: Callable[[Key, Model, Array, PyTree], Array] | None = None


UNCHANGED = Change("", lambda key, model, x, y, learned: x)


def detector_changes(
  threshold: float,
  *,
  eps: float,
  num_steps: int,
  diameter: float,
  num_epochs: int,
  batch_size: int,
  num_train: int,
) -> dict[str, Change]:
  """Makes the changes of `NAMES`, by name.

  The learned ones hide objects (`losses.detection.vanish`). Random noise moves
  each pixel by eps up or down.

  Args:
    threshold: score from which TOG takes a detection for an object.
    eps: radius of the Linf ball, in input units.
    num_steps: steps of TOG, of 2.5 / num_steps of the radius.
    diameter: diameter of patches, as a fraction of the shorter side.
    num_epochs: passes over the training images.
    batch_size: number of images per step of what is learned.
    num_train: number of training images.
  """
  ball = perturbations.linf(eps)
  draw = random_placement((diameter, diameter), _TURN)
  steps = max(1, num_epochs * num_train // batch_size)

  def noise(key, model, x, y, learned):
    del model, y, learned
    direction = jax.random.normal(key, x.shape)
    return ball.apply(x, ball.linear_maximizer(x, direction))

  def noise_patch(key, model, x, y):
    del model, y
    return jax.random.uniform(key, (_RESOLUTION, _RESOLUTION, x.shape[-1]))

  def placed(key, model, x, y, patch):
    del model, y
    return place(patch, x, draw(key, x))

  learns_delta = attacks.universal(
    ball, vanish, num_epochs=num_epochs, batch_size=batch_size, clip=jnp.inf
  )
  learns_patch = attacks.adversarial_patch(
    draw,
    vanish,
    resolution=_RESOLUTION,
    num_steps=steps,
    batch_size=batch_size,
  )
  radius = f"Linf {255 * eps:g}/255"
  size = f"diameter {diameter:g}"
  passes = f"{num_epochs} passes over {num_train} images by {batch_size}"
  attacked = f"{radius}, {num_steps} steps, threshold {threshold:.9g}"
  return {
    "random_noise": Change(radius, noise),
    **{
      f"tog_{goal}": Change(attacked, _tog(goal, eps, num_steps, threshold))
      for goal in get_args(Goal)
    },
    "universal": Change(
      f"{radius}, {passes}",
      lambda key, model, x, y, delta: apply_universal(ball, delta, x),
      learns_delta,
    ),
    "noise_patch": Change(size, placed, noise_patch),
    PATCH: Change(f"{size}, {passes}", placed, learns_patch),
  }


def _tog(goal: Goal, eps: float, num_steps: int, threshold: float):
  attack = tog(
    goal,
    eps=eps,
    num_steps=num_steps,
    step_size=min(1.0, 2.5 / num_steps),
    threshold=threshold,
  )
  return lambda key, model, x, y, learned: attack(key, model, x, y)
