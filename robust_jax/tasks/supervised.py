"""Supervised learning: minimize a training loss of one model."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, metrics, parallel, scores
from robust_jax.evaluators.robustness import robustness
from robust_jax.gradients.identity import identity
from robust_jax.models import auxiliary_norm as second_norm
from robust_jax.models.inference import inference_fn
from robust_jax.tasks._accumulation import accumulated
from robust_jax.tasks._example import Example, TinyNet, example_batch
from robust_jax.tasks._state import apply_gradients, evaluate_deployed
from robust_jax.training_losses.erm import erm
from robust_jax.training_losses.forward import model_forward
from robust_jax.types import (
  Augmentation,
  Batch,
  BatchAugmentation,
  Evaluator,
  GradientTransform,
  Key,
  LossOutput,
  Mixing,
  Model,
  PyTree,
  Score,
  State,
  Task,
  TrainingLoss,
)

_PLAIN_GRADIENT = identity()


def supervised(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  loss: TrainingLoss,
  evaluator: Evaluator,
  gradient: GradientTransform = _PLAIN_GRADIENT,
  score: Score = scores.accuracy,
  warm_start: Callable[[PyTree], PyTree] | None = None,
  augment_batch: BatchAugmentation | None = None,
  augment: Augmentation | None = None,
  mix: Mixing | None = None,
  label_smoothing: float = 0.0,
  auxiliary_norm: bool = False,
  accumulation_steps: int = 1,
  fold_normalization: bool = True,
) -> Task:
  """Supervised learning: minimize a training loss of one model.

      minimize over params:  mean of loss(model at params, batch).per_example

  over the real examples of the batches of all devices together.

  Args:
    model: a linen module, called as `model(x, train=...)`.
    optimizer: an optax transformation.
    loss: the training loss, see `robust_jax.training_losses`.
    evaluator: the measurement of the frozen model in `evaluate`, see
      `robust_jax.evaluators`.
    gradient: the way the gradient is computed, see `robust_jax.gradients`.
    score: the score of the model's outputs that `step` reports beside the loss,
      see `robust_jax.scores`.
    warm_start: applied to the model's initial variables, for example to replace
      them by variables trained on other data.
    augment_batch: augmentation of inputs and targets together in training
      steps, such as those of `augmentation.boxes`; there is none in evaluation.
    augment: augmentation of the inputs alone, after it.
    mix: mixing of augmented images and their labels, which become class
      probabilities. It needs a model with a field `num_classes`, and a loss and
      an attack for probabilities, such as `losses.soft_cross_entropy`.
    label_smoothing: s in (1 - s) p + s / K, of the labels' probabilities p
      after mixing, with the same needs.
    auxiliary_norm: whether to train a second set of the variables of BatchNorm
      layers beside the first, for a loss that uses it, such as `advprop`. It is
      not deployed.
    accumulation_steps: number of equal parts into which each device's batch is
      divided after augmentation and mixing. Attacks and gradients are computed
      for one part at a time, with the memory of one, and the gradient is that
      of the whole batch. What differs from a step in one part: each part has
      its own key for attack and dropout, and BatchNorm normalizes each part by
      itself, as it would on as many devices "per_device". A `gradient` that
      takes two gradients computes the attack for both.
    fold_normalization: whether attacks in training, the evaluation and the
      deployed model have BatchNorm in the kernels before it, see
      `models.inference.inference_fn`.

  Returns:
    The task. `step` reports "loss", the score by its name ("accuracy"), and the
    metrics of the training loss.

  Raises:
    ValueError: label_smoothing is not in [0, 1], or accumulation_steps is below
      1; `init` raises it for an auxiliary_norm of a model without BatchNorm,
      and `step` if the training loss is not one number per example or the
      batch is not divisible into accumulation_steps parts.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import evaluators, parallel, tasks, training_losses
    >>> from robust_jax.models import MLP
    >>> task = tasks.supervised(
    ...   MLP(features=(), num_classes=2),
    ...   optax.sgd(0.1),
    ...   loss=training_losses.erm(),
    ...   evaluator=evaluators.robustness(),
    ... )
    >>> batch = {"x": jnp.eye(2), "y": jnp.array([0, 1]), "mask": jnp.ones(2)}
    >>> state = task.init(jax.random.key(0), batch)
    >>> step = parallel.simulate_step(task.step, num_devices=1)
    >>> state, metrics = step(state, (), batch, jax.random.key(1))
    >>> sorted(metrics), int(state.step)
    (['accuracy', 'loss'], 1)
  """
  checks.non_negative("label_smoothing", label_smoothing)
  checks.at_most("label_smoothing", label_smoothing, 1.0)
  checks.at_least_one("accumulation_steps", accumulation_steps)

  def init(key: Key, batch: Batch) -> State:
    row = jax.tree.map(lambda leaf: leaf[:1], batch["x"])
    variables = model.init(key, row)
    if warm_start is not None:
      variables = warm_start(variables)
    if auxiliary_norm:
      variables = second_norm.add(variables)
    model_state, params = _pop_params(variables)
    return State(
      step=jnp.zeros((), jnp.int32),
      params=params,
      model_state=model_state,
      opt_state=optimizer.init(params),
    )

  def step(state: State, batch: Batch, key: Key):
    batch, key = augmented(batch, key)
    num_examples = parallel.mean(jnp.sum(batch["mask"]))

    def part_of_mean(params: PyTree, part: Batch, key: Key):
      forward = model_forward(model, params, state, fold_normalization)
      out = loss(forward, part, key)
      _check_per_example(out, part)
      total, _ = metrics.average(out.per_example, part["mask"])
      return total / num_examples, out

    value_and_grad = accumulated(part_of_mean, batch, key, accumulation_steps)
    (_, out), grads = gradient(value_and_grad, state.step)(state.params)
    after = apply_gradients(state, optimizer, grads, out.model_state)
    scored = score(out.outputs, batch["y"])
    report = {
      "loss": metrics.average(out.per_example, batch["mask"]),
      score.__name__: metrics.average(scored, batch["mask"]),
      **out.metrics,
    }
    return after._replace(step=state.step + 1), parallel.total(report)

  def augmented(batch: Batch, key: Key) -> tuple[Batch, Key]:
    """Augments and mixes the batch; also returns the key for what follows."""
    if augment_batch is not None:
      key, key_batch = jax.random.split(key)
      both = {"x": batch["x"], "y": batch["y"]}
      batch = {**batch, **augment_batch(key_batch, both)}
    x, y = batch["x"], batch["y"]
    if augment is not None:
      key, key_augment = jax.random.split(key)
      x = augment(key_augment, x)
    if (mix is not None or label_smoothing) and y.ndim == 1:
      y = jax.nn.one_hot(y, model.num_classes)
    if mix is not None:
      key, key_mix = jax.random.split(key)
      x, y = mix(key_mix, x, y)
    if label_smoothing:
      y = optax.smooth_labels(y, label_smoothing)
    return {**batch, "x": x, "y": y}, key

  def deployed(state: State) -> Model:
    return inference_fn(
      model, variables(state), fold_normalization=fold_normalization
    )

  def variables(state: State) -> PyTree:
    both = {"params": state.params, **state.model_state}
    return second_norm.remove(both) if auxiliary_norm else both

  evaluate = evaluate_deployed(evaluator, deployed)
  return Task(init, step, evaluate, deployed, variables, evaluator.summarize)


def example() -> Example:
  """Makes a tiny instance, for the contract tests of all tasks."""
  task = supervised(
    TinyNet(), optax.sgd(0.1), loss=erm(), evaluator=robustness()
  )
  return Example(task, example_batch())


def _pop_params(variables):
  variables = dict(variables)
  params = variables.pop("params")
  return variables, params


def _check_per_example(out: LossOutput, batch: Batch) -> None:
  if out.per_example.shape != batch["mask"].shape:
    raise ValueError(
      f"the training loss returned per_example {out.per_example.shape}: "
      f"expected {batch['mask'].shape}, one number for each example of the "
      "batch."
    )
