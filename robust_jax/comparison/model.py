"""A model that takes part in a comparison."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from robust_jax.comparison.predictors.read_outputs import Kind
from robust_jax.types import Model

CLEAN = "clean"
"""The name of the case without a transformation."""


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedModel:
  """Something that answers.

  Attributes:
    name: what reports call it.
    source: where it comes from, as the user wrote it.
    kind: "run" of ours, "function" of anybody's, "service" over HTTP, or
      "stored answers".
    identity: a digest of what its answers depend on, as far as can be seen.
    answer: `(case, ids, images)` -> scores `[B, K]` or classes `[B]`, where
      `case` is "clean" or "family/transformation/level" and images are uint8
      `[H, W, C]`.
    logits_fn: the model, where its gradients are known.
    parameters: how many numbers the model has learned, where that is known.
    computed_in: the dtypes that it multiplies, where its program is known, see
      `precision.computed_in`.
    declared: what its answers are, where that is known; None finds out.
    batch_size: most images that it is asked about in one call; None is as many
      as memory suffices for.
    retries: as `adapters.ask` takes it.
  """

  name: str
  source: str
  kind: Literal["run", "function", "service", "stored answers"]
  identity: str
  answer: Callable[[str, Sequence[str], Sequence[np.ndarray]], np.ndarray]
  logits_fn: Model | None = None
  parameters: int | None = None
  computed_in: str | None = None
  declared: Kind | None = None
  batch_size: int | None = None
  retries: int = 0
