"""A model that takes part in a comparison."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from robust_jax.comparison.predictors.read_outputs import Kind
from robust_jax.types import Model

CLEAN = "clean"
"""Name of the case without a transformation."""


@dataclasses.dataclass(frozen=True, eq=False)
class ComparedModel:
  """A model under comparison.

  Attributes:
    name: name in reports.
    source: where it comes from, as given by the user.
    kind: "run" of this project, "function" of the user, "service" over HTTP, or
      "stored outputs".
    identity: hash of everything known to determine its outputs.
    predict: `(case, ids, examples) -> scores [B, K] or classes [B]`, where
      `case` is "clean" or "family/transformation/level" and examples are images
      uint8 `[H, W, C]` or texts.
    logits_fn: the model as a function of arrays, if its gradients are
      available.
    parameters: number of trained parameters, if known.
    computed_in: dtypes of its products, if known; see `precision.computed_in`.
    output_kind: kind of its outputs; None to detect it.
    batch_size: largest number of examples per call; None for as many as fit
      into memory.
    retries: see `predict_batches`.
    class_names: names of its classes in the order of its outputs, if known.
    trained_families: families of changes that it was trained with.
    warn: `(examples) -> sentences` on examples that it does not see whole.
  """

  name: str
  source: str
  kind: Literal["run", "function", "service", "stored outputs"]
  identity: str
  predict: Callable[[str, Sequence[str], Sequence[Any]], np.ndarray]
  logits_fn: Model | None = None
  parameters: int | None = None
  computed_in: str | None = None
  output_kind: Kind | None = None
  batch_size: int | None = None
  retries: int = 0
  class_names: tuple[str, ...] = ()
  trained_families: tuple[str, ...] = ()
  warn: Callable[[Sequence[Any]], list[str]] = lambda examples: []
