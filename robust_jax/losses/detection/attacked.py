"""Objectives of attacks on a detector: vanish, fabricate, mislabel."""

import jax
import jax.numpy as jnp

from robust_jax import cells
from robust_jax.losses.detection._check import check
from robust_jax.objective import checked_by
from robust_jax.types import Array, PyTree


@checked_by(check)
def vanish(outputs: PyTree, targets: PyTree) -> Array:
  """Objects vanish: the log-probability that there are none anywhere.

      sum over cells and classes of log(1 - p)

  The gradient of a cell is its p, so that the cells that show an object count.
  Targets are not used.

  Source: Chow et al. 2020, "Adversarial objectness gradient attacks in
  real-time object detection systems" (TOG).

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.losses import detection
    >>> boxes = jnp.float32([[[0, 0, 4, 4]]])
    >>> outputs = {"heatmap": jnp.zeros((1, 1, 1, 1)), "boxes": boxes[:, None]}
    >>> targets = {"boxes": boxes, "classes": jnp.zeros((1, 1), int)}
    >>> targets["present"] = jnp.ones((1, 1))
    >>> print(detection.vanish(outputs, targets))  # -log 2
    [-0.6931472]
  """
  check(outputs, targets)
  logits = outputs["heatmap"].astype(jnp.float32)
  return jax.nn.log_sigmoid(-logits).sum((1, 2, 3))


@checked_by(check)
def fabricate(outputs: PyTree, targets: PyTree) -> Array:
  """Objects appear: the expected number of them.

      sum over cells and classes of p

  The gradient of a cell is p (1 - p), so that the cells count that are nearly
  taken for an object and not yet. Targets are not used.

  Source: TOG (Chow et al. 2020).

  Deviation: not the sum of log p, whose gradient is that of the many cells that
  cannot be reached.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.losses import detection
    >>> boxes = jnp.float32([[[0, 0, 4, 4]]])
    >>> outputs = {"heatmap": jnp.zeros((1, 1, 1, 2)), "boxes": boxes[:, None]}
    >>> targets = {"boxes": boxes, "classes": jnp.zeros((1, 1), int)}
    >>> targets["present"] = jnp.zeros((1, 1))
    >>> print(detection.fabricate(outputs, targets))  # 2 / 2
    [1.]
  """
  check(outputs, targets)
  logits = outputs["heatmap"].astype(jnp.float32)
  return jax.nn.sigmoid(logits).sum((1, 2, 3))


@checked_by(check)
def mislabel(outputs: PyTree, targets: PyTree) -> Array:
  """Objects are taken for others: the margins at their centers, summed.

      sum over objects of  max_{k != class} z_k - z_class

  The other class is the one that is most likely at each point of the search.
  For a given class take `targeted(center_net)` with targets of that class.

  Raises:
    ValueError: there is one class alone.

  Source: TOG (Chow et al. 2020).
  Deviation: a margin, and no loss of boxes.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.losses import detection
    >>> boxes = jnp.float32([[[0, 0, 4, 4]]])
    >>> outputs = {"heatmap": jnp.zeros((1, 1, 1, 2)), "boxes": boxes[:, None]}
    >>> targets = {"boxes": boxes, "classes": jnp.zeros((1, 1), int)}
    >>> targets["present"] = jnp.ones((1, 1))
    >>> print(detection.mislabel(outputs, targets))  # of two that are alike
    [0.]
  """
  check(outputs, targets)
  logits = outputs["heatmap"].astype(jnp.float32)
  if logits.shape[-1] < 2:
    raise ValueError("mislabel with one class: expected two or more.")
  place = cells.of_boxes(targets["boxes"], *logits.shape[1:3])
  logits = cells.at(logits, *place)
  is_class = jax.nn.one_hot(targets["classes"], logits.shape[-1], dtype=bool)
  other = jnp.where(is_class, -jnp.inf, logits).max(axis=-1)
  own = jnp.where(is_class, logits, -jnp.inf).max(axis=-1)
  return jnp.where(targets["present"] > 0, other - own, 0.0).sum(axis=1)
