"""Targeted objectness gradient attacks (TOG) on a detector's own detections."""

from typing import Literal, get_args

import jax

from robust_jax import perturbations, search
from robust_jax.attacks.compose import compose
from robust_jax.attacks.standalone import standalone
from robust_jax.losses.detection import (
  center_net,
  check_outputs,
  fabricate,
  vanish,
)
from robust_jax.losses.transforms import targeted
from robust_jax.models.detection.center_net import detect
from robust_jax.models.detection.targets import as_targets, relabeled
from robust_jax.types import Array, Attack, Key, Model, PyTree

Goal = Literal[
  "untargeted", "vanish", "fabricate", "most_likely", "least_likely"
]


def tog(
  goal: Goal = "untargeted",
  *,
  eps: Array | float = 8 / 255,
  step_size: Array | float = 0.25,
  num_steps: int = 10,
  threshold: float = 0.3,
) -> Attack:
  """Targeted objectness gradient (TOG) attacks: PGD on the clean detections.

  The detections in the clean image take the place of labels, which
  are not used.

      untargeted    the loss of training grows, with the detections as objects
      vanish        there are no objects anywhere (`losses.detection.vanish`)
      fabricate     there are objects everywhere (`fabricate`)
      most_likely   the loss falls, with each detection as an object of the
                    other class that is most likely at its center
      least_likely  likewise, of the class that is least likely

  Args:
    goal: one of these.
    eps: radius of the Linf ball, in input units.
    step_size: fraction of the radius.
    num_steps: number of gradient steps.
    threshold: score above which a detection is taken for an object.

  Returns:
    An `Attack` on a model of raw outputs; see `models.CenterNet`.

  Raises:
    ValueError: there is no such goal; when it is called, if the model is no
      detector, or has one class where another one is sought.

  Source: Chow et al. 2020, "Adversarial objectness gradient attacks in
  real-time object detection systems" (TOG), with the budget of its code: 8 of
  255 levels in ten steps of two, from a random start.

  Deviation: the best point of each image is returned, the clean one included.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import detection
    >>> def model(x):  # the darker, the more likely an object
    ...   return {"heatmap": 9 * (0.5 - x), "boxes": jnp.zeros((1, 2, 2, 4))}
    >>> x, attack = jnp.full((1, 2, 2, 1), 0.4), detection.tog("vanish")
    >>> x_adv = attack(jax.random.key(0), model, x, jnp.zeros(1))
    >>> bool(jnp.allclose(x_adv, x + 8 / 255))
    True
  """
  if goal not in get_args(Goal):
    raise ValueError(
      f"goal = {goal!r}: expected one of {', '.join(get_args(Goal))}."
    )
  objective = {
    "untargeted": center_net,
    "vanish": vanish,
    "fabricate": fabricate,
  }.get(goal, targeted(center_net))
  attack = compose(
    search.pgd,
    perturbations.linf(eps),
    objective,
    num_steps=num_steps,
    step_size=step_size,
  )

  def attack_detections(
    key: Key, model: Model, x: Array, targets: PyTree
  ) -> Array:
    del targets
    outputs = jax.lax.stop_gradient(model(x))
    found = as_targets(detect(outputs), threshold)
    if goal in ("most_likely", "least_likely"):
      found = relabeled(found, outputs, likely=goal == "most_likely")
    return attack(key, model, x, found)

  return standalone(
    attack_detections,
    check_outputs=lambda outputs, targets: check_outputs(outputs),
  )
