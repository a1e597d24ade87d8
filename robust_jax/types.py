"""The vocabulary of the whole package: aliases and records, nothing else.

Letters in shapes: `B` examples in a batch, `K` classes, `D` devices,
`H, W, C` height, width and channels. `delta` is the perturbation: any pytree
whose leaves lead with `B`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax

Array = jax.Array
PyTree = Any
Key = jax.Array  # a typed key: `jax.random.key(0)`

Model = Callable[[PyTree], PyTree]
"""x -> outputs: frozen inference, parameters closed over.

Leaves of x lead with `B`: images `[B, ...]` in [0, 1], activations, or text as
`{"tokens": [B, T], "mask": [B, T]}`. Outputs are the model's own: logits
`[B, K]` of a classifier, boxes and scores of a detector.

Pass `jax.tree_util.Partial(apply, params)` through `jit` and new parameters of
the same shape do not recompile."""

Model = Model
"""A `Model` that is a classifier: its outputs are logits `[B, K]`."""

Objective = Callable[[PyTree, PyTree], Array]
"""(outputs, targets) -> `[B]`. Searches always maximize it.

Leaves of targets lead with `B`: labels `[B]`, the clean logits `[B, K]`, padded
boxes `[B, N, 4]` with their mask. An objective refuses what it is not for; see
`attacks.compose` for when."""

Attack = Callable[[Key, Model, PyTree, PyTree], PyTree]
"""(key, model, x, targets) -> x_adv, like x in structure, shapes and dtypes."""

Augmentation = Callable[[Key, Array], Array]
"""(key, x `[B, H, W, C]` in [0, 1]) -> x' like x; labels stay what they are."""

Mixing = Callable[[Key, Array, Array], tuple[Array, Array]]
"""(key, x `[B, H, W, C]`, label probabilities `[B, K]`) -> both of mixed
images."""

Batch = Mapping[str, Any]
"""`mask [B]` float32 (1 for a real example, 0 for padding), and the fields of a
dataset (`data.dataset`): inputs `x` and targets `y`, pytrees that lead with B.
Of images with a class, `x [B, H, W, C]` is float32 in [0, 1], `y [B]` int32.
Domain adaptation nests one batch per domain."""

Metrics = dict[str, tuple[Array, Array]]
"""name -> (sum, count): summed over examples, batches and devices, divided
once at the very end."""


class Grid(NamedTuple):
  """Points of a set, made when they are asked for: products of grids are large.

  Attributes:
    size: how many there are.
    at: `(index) -> delta`, the index-th; `index` is an int32 scalar from 0 to
      size - 1 and may be traced.
  """

  size: int
  at: Callable[[Array], PyTree]


class PerturbationSet(NamedTuple):
  """A threat model: everything about what may change, nothing about search.

  Attributes:
    zero: `(x) -> delta`, with `apply(x, zero(x)) == x` exactly.
    sample: `(key, x) -> delta`, a random start; feasible, in that `project`
      changes nothing of what it does to x.
    project: `(x, delta) -> delta`, feasible and idempotent.
    linear_maximizer: `(x, grad) -> delta`, the delta of the set (the box apart)
      that maximizes `<grad, delta>`: the radius is included, so step sizes are
      fractions of it and no search knows a unit.
    apply: `(x, delta) -> x'`, a valid model input, differentiable in delta.
    check: `(x)` raises ValueError on inputs that the set is not for, x' being
      one that it is for: `checks.images`, `checks.activations`. Shapes are
      checked always, values where they are concrete.
    grid: `(x, n) -> Grid` with n values of each parameter, or a number for each
      where n is a sequence; None where the set cannot be enumerated.
    step: `(x, delta, grad, size) -> delta`, feasible, about `size` radii from
      delta and of larger `<grad, delta>`. The maximum over set and box is one
      step of size 1 away from `zero(x)`, and some steps of any size from
      elsewhere. None means `project(x, delta + size * linear_maximizer(x,
      grad))`, of which this is true where every coordinate has a range of its
      own.
  """

  zero: Callable[[PyTree], PyTree]
  sample: Callable[[Key, PyTree], PyTree]
  project: Callable[[PyTree, PyTree], PyTree]
  linear_maximizer: Callable[[PyTree, PyTree], PyTree]
  apply: Callable[[PyTree, PyTree], PyTree]
  check: Callable[[PyTree], None]
  grid: Callable[[PyTree, int | Sequence[int]], Grid] | None = None
  step: Callable[[PyTree, PyTree, PyTree, Array | float], PyTree] | None = None


class SearchResult(NamedTuple):
  """What a search found: `value [B]` is the objective at `delta`."""

  delta: PyTree
  value: Array


class Search(Protocol):
  """A way to find the worst case in a set; every hyperparameter defaults."""

  def __call__(
    self,
    key: Key,
    objective: Callable[[PyTree], Array],
    pset: PerturbationSet,
    x: PyTree,
    /,
    **hyper: Any,
  ) -> SearchResult:
    """Maximizes `objective` (x' -> `[B]`) over `pset` around `x`."""


class State(NamedTuple):
  """All that training changes; a checkpoint is exactly this, without devices.

  Attributes:
    step: int32 scalar, the number of completed steps.
    params: pytree of the trained parameters.
    model_state: the model's other collections (BatchNorm's running statistics).
    opt_state: of the optax optimizer.
    average: of `params` over the steps, or None if not kept; see
      `training.weight_averages`.
  """

  step: Array
  params: PyTree
  model_state: PyTree
  opt_state: PyTree
  average: PyTree | None = None


class Task(NamedTuple):
  """A training problem as pure functions over one global batch's shard.

  `step` and `evaluate` run inside `parallel.pmap_step` and reduce over devices
  with `parallel.mean` and `parallel.total`.

  Attributes:
    init: `(key, batch) -> State`.
    step: `(State, batch, key) -> (State, Metrics)`.
    evaluate: `(State, batch, key) -> Metrics`.
    deployed: `(State) -> ` what a user would deploy, frozen: a `Model` where
      the model is a classifier (between two domains a
      `models.adapted.Adapted`), else a record of functions that cannot itself
      be called, such as `models.autoencoder.Autoencoder`.
    variables: `(State) -> ` the variables of the model that is deployed, as its
      `init` makes them: "params" and its other collections.
    summarize: what the averages over a whole evaluation become before they are
      recorded, for scores that are no averages themselves.
  """

  init: Callable[[Key, Batch], State]
  step: Callable[[State, Batch, Key], tuple[State, Metrics]]
  evaluate: Callable[[State, Batch, Key], Metrics]
  deployed: Callable[[State], Any]
  variables: Callable[[State], PyTree]
  summarize: Callable[[dict[str, Any]], dict[str, float]] = dict


# Training losses, their gradients, and what is measured


Score = Callable[[PyTree, PyTree], Array]
"""(model outputs, targets) -> `[B]`. Like an `Objective` per example, but
larger is better: see `robust_jax.scores`."""


class Evaluator(NamedTuple):
  """What is measured of a model; see `robust_jax.evaluators`.

  Attributes:
    measure: `(model, batch, key) -> Metrics`; it runs inside
      `parallel.pmap_evaluate`. The model is what a task's `deployed` returns.
    summarize: what the averages over a whole evaluation become before they are
      recorded, for scores that are no averages themselves.
  """

  measure: Callable[[Callable[..., Any], Batch, Key], Metrics]
  summarize: Callable[[dict[str, Any]], dict[str, float]] = dict


class Forward(NamedTuple):
  """The model as a training loss calls it; gradients flow through `train`.

  Attributes:
    train: `(key, x, model_state=None) -> (outputs, model_state)`, a training
      pass: BatchNorm normalizes by the statistics of x, `key` is that of
      dropout. `model_state` is what the pass begins with and returns changed,
      such as BatchNorm's running statistics; None is the state of the step. A
      loss of several passes decides by it whose statistics are kept: those of
      both, one after the other, where it hands the state that the first pass
      returned to the second, or those of one, where it does not.
    inference: x -> outputs, the frozen model that attacks see: running
      statistics, no dropout, and the parameters that the step began with, also
      where a `GradientTransform` asks for the loss at others. No gradient flows
      through it.
    step: int32 scalar, the number of completed steps, for schedules.
  """

  train: Callable[..., tuple[PyTree, PyTree]]
  inference: Model
  step: Array


class LossOutput(NamedTuple):
  """What a training loss finds on a batch.

  Attributes:
    per_example: `[B]` float32; its mean over the real examples is minimized.
    outputs: of the model, which the step's score is reported of.
    metrics: further things to report.
    model_state: the model's other collections after this step.
  """

  per_example: Array
  outputs: PyTree
  metrics: Metrics
  model_state: PyTree


TrainingLoss = Callable[[Forward, Batch, Key], LossOutput]
"""What training minimizes; see `robust_jax.training_losses`."""

ValueAndGrad = Callable[[PyTree], tuple[tuple[Array, LossOutput], PyTree]]
"""params -> ((loss, LossOutput), gradient), on one batch with one key."""

GradientTransform = Callable[[ValueAndGrad], ValueAndGrad]
"""How the gradient of a training loss is taken; see `robust_jax.gradients`.

It works on any loss: what it may do is ask for value and gradient at several
parameters."""
