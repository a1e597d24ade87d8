"""Transformations of examples at several levels, and families of them."""

import dataclasses
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from robust_jax.corruptions.base import PointMap

Change = Callable[..., Any]
"""A change of examples.

Of images, on devices, it is `(keys [B], x [B, H, W, C] in [0, 1], level) ->
x'`, in multiples of 1/255 as in `corruptions.base`; on the host `(images [B, H,
W, C], level) -> images'` in uint8; against a model `(logits_fn, x, labels [B],
level) -> x'`, deterministic. Of texts it is `(text, generator, level) -> text'`
of one string, on the host.
"""

Shapes = Collection[tuple[int, int, int]]
"""Shapes (H, W, C) of images, the argument of their families."""

Texts = Sequence[str]
"""All texts of a comparison, the argument of their families."""

LEVELS = (1, 2, 3, 4, 5)


@dataclasses.dataclass(frozen=True, eq=False)
class Transformation:
  """One change at several levels.

  Attributes:
    name: distinct name in its family, to which randomness is keyed.
    change: the change. It must not depend on other examples of the batch.
    levels: increasing; larger is harder.
    labels: each level in words and units, such as "10 degrees".
    on_host: whether the change is one on the host.
    of_model: whether the change is an attack on a model; each model then sees
      its own examples.
    moves: where the change takes the points of images, see
      `corruptions.base.PointMap`; None if it leaves them. Of a change on the
      host it is given no keys and may compute with NumPy.

  Raises:
    ValueError: there is no level, or not one label per level.
  """

  name: str
  change: Change
  levels: Sequence[int] = LEVELS
  labels: Sequence[str] = tuple(f"level {level} of 5" for level in LEVELS)
  on_host: bool = False
  of_model: bool = False
  moves: PointMap | None = None

  def __post_init__(self):
    if len(self.levels) != len(self.labels) or not self.levels:
      raise ValueError(
        f"'{self.name}' has {len(self.levels)} levels and {len(self.labels)} "
        "labels: expected one label for each of one level or more."
      )


class Family(NamedTuple):
  """Transformations that belong together.

  Attributes:
    about: description in one sentence for readers of a report.
    transformations: empty where the family does not apply to the data.
    by_default: whether it is used where no families are named.
    left_out: name of a transformation that does not apply -> reason.
  """

  about: str
  transformations: Sequence[Transformation]
  by_default: bool = True
  left_out: Mapping[str, str] = {}


def example_number(name: str) -> int:
  """Returns the number of an example, 0..2^32 - 1, for its random keys."""
  return zlib.crc32(name.encode())
