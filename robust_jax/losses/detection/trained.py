"""Losses that a detector is trained with: of its heatmap and of its boxes."""

import jax
import jax.numpy as jnp

from robust_jax import cells
from robust_jax.losses.detection._check import check
from robust_jax.objective import checked_by
from robust_jax.types import Array, PyTree

_FOCUS, _NEARNESS = 2, 4  # alpha and beta of the paper
_WEIGHT_OF_BOXES = 2.0


@checked_by(check)
def center_net(outputs: PyTree, targets: PyTree) -> Array:
  """The loss that `models.CenterNet` is trained with: both of those below.

      classification + 2 localization

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.losses import detection
    >>> boxes = jnp.float32([[[0, 0, 4, 4]]])
    >>> outputs = {"heatmap": jnp.zeros((1, 1, 1, 1)), "boxes": boxes[:, None]}
    >>> targets = {"boxes": boxes, "classes": jnp.zeros((1, 1), int)}
    >>> targets["present"] = jnp.ones((1, 1))
    >>> print(detection.center_net(outputs, targets))  # log(2) / 4
    [0.1732868]
  """
  boxes = localization(outputs, targets)
  return classification(outputs, targets) + _WEIGHT_OF_BOXES * boxes


@checked_by(check)
def classification(outputs: PyTree, targets: PyTree) -> Array:
  """Penalty-reduced focal loss of the heatmap.

      - sum over cells and classes of
        (1 - p)^2 log p                 at the center of an object,
        (1 - y)^4 p^2 log(1 - p)        elsewhere

  with y from `cells.heatmaps`.

  Source: Zhou, Wang and Kraehenbuehl 2019, "Objects as points", eq. 1.
  Deviation: not divided by the number of objects. By that of the image, the
  many small objects of a crowd would count less than one large object; and by
  that of the batch, the loss of an image would depend on other images.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.losses import detection
    >>> boxes = jnp.float32([[[0, 0, 4, 4]]])
    >>> outputs = {"heatmap": jnp.zeros((1, 1, 1, 1)), "boxes": boxes[:, None]}
    >>> targets = {"boxes": boxes, "classes": jnp.zeros((1, 1), int)}
    >>> targets["present"] = jnp.zeros((1, 1))
    >>> print(detection.classification(outputs, targets))  # log(2) / 4
    [0.1732868]
  """
  check(outputs, targets)
  logits = outputs["heatmap"].astype(jnp.float32)
  y = jax.lax.stop_gradient(cells.heatmaps(targets, logits.shape[1:]))
  p = jax.nn.sigmoid(logits)
  found = (1 - p) ** _FOCUS * jax.nn.log_sigmoid(logits)
  empty = p**_FOCUS * jax.nn.log_sigmoid(-logits)
  each = jnp.where(y == 1, found, (1 - y) ** _NEARNESS * empty)
  return -each.sum((1, 2, 3))


@checked_by(check)
def localization(outputs: PyTree, targets: PyTree) -> Array:
  """`1 - GIoU` of the boxes at the centers, summed over the objects.

  Source: Rezatofighi et al. 2019, "Generalized intersection over union".

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.losses import detection
    >>> boxes = jnp.float32([[[0, 0, 4, 4]]])
    >>> outputs = {"heatmap": jnp.zeros((1, 1, 1, 1)), "boxes": boxes[:, None]}
    >>> targets = {"boxes": boxes / 2, "classes": jnp.zeros((1, 1), int)}
    >>> targets["present"] = jnp.ones((1, 1))
    >>> print(detection.localization(outputs, targets))  # 1 - 1 / 4
    [0.75]
  """
  check(outputs, targets)
  boxes = outputs["boxes"].astype(jnp.float32)
  place = cells.of_boxes(targets["boxes"], *boxes.shape[1:3])
  loss = 1 - cells.giou(cells.at(boxes, *place), targets["boxes"])
  present = targets["present"] > 0
  return jnp.where(present, loss, 0.0).sum(axis=1)
