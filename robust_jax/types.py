"""The types of the package: aliases and records, nothing else.

Letters in shapes: `B` examples in a batch, `K` classes, `D` devices, and
`H, W, C` for height, width and channels. `delta` is the perturbation: a pytree
whose leaves have the leading axis `B`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

Array = jax.Array
AnyArray = jax.Array | np.ndarray
PyTree = Any
Key = jax.Array
"""A typed random key, as `jax.random.key(0)` makes it."""

Norm = Literal["linf", "l2", "l1", "l0"]
"""A norm by name, checked by `checks.norm`; "l0" counts changed pixels."""

Model = Callable[[PyTree], PyTree]
"""`(x) -> outputs`: frozen inference, with the parameters closed over.

The leaves of x have the leading axis `B`: images `[B, ...]` in [0, 1],
activations, or text as `{"tokens": [B, T], "mask": [B, T]}`. The outputs are
the model's own: the logits `[B, K]` of a classifier, or the boxes and scores of
a detector.

A `jax.tree_util.Partial(apply, params)`, or another callable pytree such as a
module of `flax.nnx`, passes through `jit` with its parameters traced, so that
new ones of the same shapes do not recompile."""

Objective = Callable[[PyTree, PyTree], Array]
"""`(outputs, targets) -> [B]`, which searches always maximize.

The leaves of targets have the leading axis `B`: labels `[B]`, the clean logits
`[B, K]`, or padded boxes `[B, N, 4]` with their mask. An objective raises
ValueError for outputs and targets it does not apply to; `attacks.compose` says
when it is called for that."""

Attack = Callable[[Key, Model, PyTree, PyTree], PyTree]
"""`(key, model, x, targets) -> x_adv`, with the structure, shapes and dtypes of
x; an attack on the embeddings of a text adds an entry "delta"."""


class Certificate(NamedTuple):
  """A proof that no perturbation within a radius changes a prediction.

  Attributes:
    norm: of the ball, "l2" or "linf".
    radii: `(key, model, x [B, ...] in [0, 1], labels [B]) -> radii`, float64
      `[B]` on the host: a radius in input units within which the prediction is
      proven to be the label, and -1 where it is not even proven for x itself.
  """

  norm: Norm
  radii: Callable[[Key, Model, Array, Array], np.ndarray]


Augmentation = Callable[[Key, Array], Array]
"""`(key, x [B, H, W, C] in [0, 1]) -> x'`, like x. Labels are unchanged."""

Mixing = Callable[[Key, Array, Array], tuple[Array, Array]]
"""`(key, x [B, H, W, C], probabilities [B, K]) -> (x', probabilities')`: mixed
images with the label probabilities mixed likewise."""

Batch = Mapping[str, Any]
"""`mask [B]` float32 (1 for a real example, 0 for padding) and the fields of a
dataset (`data.dataset`): inputs `x` and targets `y`, pytrees whose leaves have
the leading axis B. For images with a class, `x [B, H, W, C]` is float32 in
[0, 1] and `y [B]` is int32. Domain adaptation nests one batch per domain."""

BatchAugmentation = Callable[[Key, Batch], Batch]
"""`(key, {"x": x, "y": y}) -> both`: changes of inputs and targets together, as
of images with boxes."""

Metrics = dict[str, tuple[Array, Array]]
"""name -> (sum, count), summed over examples, batches and devices, and divided
once at the end."""


class Grid(NamedTuple):
  """Points of a perturbation set, each computed when it is needed.

  A product of grids has too many points to hold in memory.

  Attributes:
    size: number of points.
    at: `(index) -> delta`, the point with that index, an int32 scalar from 0 to
      size - 1, which may be traced.
  """

  size: int
  at: Callable[[Array], PyTree]


class PerturbationSet(NamedTuple):
  """A threat model: which perturbations of x are allowed.

  Attributes:
    zero: `(x) -> delta`, with `apply(x, zero(x)) == x` exactly.
    sample: `(key, x) -> delta`, a random start. It is feasible: projecting it
      does not change what it does to x.
    project: `(x, delta) -> delta`, feasible and idempotent.
    linear_maximizer: `(x, grad) -> delta`, the delta of the set, without the
      box constraint, that maximizes `<grad, delta>`. It includes the radius, so
      that step sizes are fractions of the radius and searches are free of
      units.
    apply: `(x, delta) -> x'`, a valid model input, differentiable in delta.
    check: `(x)` raises ValueError for inputs that the set does not apply to;
      `checks.images` and `checks.activations` are examples. x' must pass it as
      well. Shapes are always checked, values only where they are concrete.
    grid: `(x, n) -> Grid` with n values of each parameter, or with one number
      per parameter where n is a sequence. None if the set cannot be enumerated.
    step: `(x, delta, grad, size) -> delta`, feasible, about `size` radii away
      from delta and with a larger `<grad, delta>`. One step of size 1 from
      `zero(x)` must reach the maximum over set and box, and so must repeated
      steps of any size from any point. None stands for `project(x, delta +
      size * linear_maximizer(x, grad))`, which satisfies this if each
      coordinate has its own range.
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
  """The delta that a search found, and the objective there, `value [B]`."""

  delta: PyTree
  value: Array


Search = Callable[..., SearchResult]
"""`(key, objective, pset, x, **hyper) -> SearchResult`: maximizes `objective`,
`(x') -> [B]`, over the perturbation set `pset` around x.

The four arguments are positional; hyperparameters are keywords, all of which
have defaults. A search returns a feasible delta with the objective there, takes
NaN for the smallest value, and treats each example by itself."""


class State(NamedTuple):
  """Everything that training changes; a checkpoint contains exactly this.

  Attributes:
    step: int32 scalar, the number of completed steps.
    params: pytree of the trained parameters.
    model_state: the model's other collections, such as the running statistics
      of BatchNorm.
    opt_state: the state of the optax optimizer.
    average: averages over the steps, by the field that they replace:
      {"params": ...}, and "model_state" where that is averaged too; or None.
      See `training.weight_averages`.
  """

  step: Array
  params: PyTree
  model_state: PyTree
  opt_state: PyTree
  average: PyTree | None = None


class Task(NamedTuple):
  """A training problem as pure functions of one device's part of a batch.

  `step` and `evaluate` run inside `parallel.pmap_step` and reduce over devices
  with `parallel.mean` and `parallel.total`.

  Attributes:
    init: `(key, batch) -> State`.
    step: `(State, batch, key) -> (State, Metrics)`.
    evaluate: `(State, batch, key) -> Metrics`.
    deployed: `(State) -> model`, the frozen model that would be deployed: a
      `Model` if it is a classifier (in domain adaptation a
      `models.inference.DomainAdaptedModel`), otherwise a record of functions,
      such as `models.inference.Autoencoder`, which cannot be called itself.
    variables: `(State) -> variables`, the variables of the deployed model as
      its `init` returns them: "params" and the other collections.
    summarize: maps the averages over a whole evaluation to the values that are
      recorded, for scores that are not averages over examples.
  """

  init: Callable[[Key, Batch], State]
  step: Callable[[State, Batch, Key], tuple[State, Metrics]]
  evaluate: Callable[[State, Batch, Key], Metrics]
  deployed: Callable[[State], Any]
  variables: Callable[[State], PyTree]
  summarize: Callable[[dict[str, Any]], dict[str, float]] = dict


# Training losses, their gradients, and evaluators


Score = Callable[[PyTree, PyTree], Array]
"""`(outputs, targets) -> [B]`, per example like an `Objective`, but larger is
better; see `robust_jax.scores`."""


class Evaluator(NamedTuple):
  """A measurement of a model; see `robust_jax.evaluators`.

  Attributes:
    measure: `(model, batch, key) -> Metrics`. It runs inside
      `parallel.pmap_evaluate`, and the model is what `Task.deployed` returns.
    summarize: maps the averages over a whole evaluation to the values that are
      recorded, for scores that are not averages over examples.
  """

  measure: Callable[[Any, Batch, Key], Metrics]
  summarize: Callable[[dict[str, Any]], dict[str, float]] = dict


class Forward(NamedTuple):
  """The model as a training loss calls it.

  Attributes:
    train: `(key, x, model_state=None) -> (outputs, model_state)`, a training
      pass, through which gradients flow. BatchNorm normalizes by the statistics
      of x, and `key` is used by dropout. `model_state` holds the running
      statistics that the pass starts from; None stands for those of the current
      step. A loss with several passes uses it to choose which passes update the
      statistics: all of them if each pass gets the state that the previous one
      returned, only one if its returned state is kept and the others' are not.
    inference: `(x) -> outputs`, the frozen model that attacks see: it uses the
      running statistics and no dropout. Its parameters are those at the start
      of the step, even where a `GradientTransform` evaluates the loss at
      others. No gradient flows through it.
    step: int32 scalar, the number of completed steps, for schedules.
    auxiliary: the model with the second set of the variables of its BatchNorm
      layers; the model itself if it has no BatchNorm, and None if the task
      keeps no second set.
  """

  train: Callable[..., tuple[PyTree, PyTree]]
  inference: Model
  step: Array
  auxiliary: "Forward | None" = None


class LossOutput(NamedTuple):
  """The value of a training loss on a batch.

  Attributes:
    per_example: `[B]` float32; the mean over the real examples is minimized.
    outputs: the model outputs from which the step's score is reported.
    metrics: further metrics to report.
    model_state: the model's other collections after this step.
  """

  per_example: Array
  outputs: PyTree
  metrics: Metrics
  model_state: PyTree


TrainingLoss = Callable[[Forward, Batch, Key], LossOutput]
"""`(forward, batch, key) -> LossOutput`, which training minimizes; see
`robust_jax.training_losses`."""

ValueAndGrad = Callable[[PyTree], tuple[tuple[Array, LossOutput], PyTree]]
"""`(params) -> ((loss, LossOutput), gradient)`, on one batch with one key."""

GradientTransform = Callable[[ValueAndGrad, Array], ValueAndGrad]
"""`(value_and_grad, step) -> value_and_grad`, such as SAM's; see
`robust_jax.gradients`.

It applies to any loss, since all it can do is evaluate value and gradient at
several parameters. `step` is the number of completed steps, for schedules."""
