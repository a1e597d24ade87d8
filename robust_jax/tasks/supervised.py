"""Classification: minimise the mean cross-entropy."""

from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import losses, metrics, parallel
from robust_jax.evaluation.robustness import robustness
from robust_jax.models.frozen import frozen
from robust_jax.on_cpu import canonicalize_on_cpu
from robust_jax.types import (
  Array,
  Attack,
  Augmentation,
  Batch,
  Key,
  LogitsFn,
  Mixing,
  PyTree,
  State,
  Task,
)


def supervised(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  probes: Mapping[str, Attack] | None = None,
  ema_decay: float = 0.0,
  warm_start: Callable[[PyTree], PyTree] | None = None,
  augment: Augmentation | None = None,
  mix: Mixing | None = None,
  consistency: Augmentation | None = None,
  consistency_weight: float = 12.0,
) -> Task:
  """Empirical risk minimisation of a classifier.

  With `consistency`, the loss of AugMix: a step sees each image and two views
  of it, and adds `consistency_weight` times the Jensen-Shannon divergence of
  the three answers to the cross-entropy of the first. It costs two more images.

  Args:
    model: takes x in [0, 1] and `train`, answers logits.
    optimizer: any optax transformation.
    probes: attacks that `evaluate` measures the frozen model by.
    ema_decay: decay per step of the averaged parameters that `evaluate` and
      deployment use; 0 keeps no average.
    warm_start: what the model's initial variables become, such as those that
      were trained on other data.
    augment: changes the images of each training step; evaluation sees them as
      they are.
    mix: mixes images and labels of the step thereafter; "accuracy" then counts
      the label with the largest share. The model has a `num_classes`.
    consistency: makes the views, such as `data.augmentation.augmix`, of what
      `augment` made.
    consistency_weight: 12 in the paper.

  Returns:
    The task; `step` reports "loss" and "accuracy" on its batch, `evaluate` what
    `evaluation.robustness` reports.

  Raises:
    ValueError: ema_decay is not in [0, 1), or views of mixed images are wanted.

  Source: Hendrycks et al. 2020, "AugMix", eq. 1, for `consistency`.
  """
  if not 0 <= ema_decay < 1:
    raise ValueError(f"ema_decay = {ema_decay}: wanted 0 <= decay < 1.")
  if mix is not None and consistency is not None:
    raise ValueError("mix and consistency: wanted one of both.")
  measure = robustness(probes or {})

  def init(key: Key, batch: Batch) -> State:
    variables = model.init(key, batch["x"][:1])
    if warm_start is not None:
      variables = warm_start(variables)
    model_state, params = _pop_params(variables)
    return State(
      step=jnp.zeros((), jnp.int32),
      params=params,
      model_state=model_state,
      opt_state=optimizer.init(params),
      # A copy, because a step is given the memory of both.
      ema=jax.tree.map(jnp.copy, params) if ema_decay else None,
    )

  def step(state: State, batch: Batch, key: Key):
    x, labels, key = prepared(batch, key)

    def loss_fn(params, x):
      logits, model_state = model.apply(
        {"params": params, **state.model_state},
        x,
        train=True,
        mutable=list(state.model_state),
        rngs={"dropout": key},
      )
      views = logits.reshape(-1, *batch["y"].shape, logits.shape[-1])
      loss = _cross_entropy(views[0], labels)
      if len(views) > 1:
        loss += consistency_weight * losses.jensen_shannon(views)
      return loss.mean(), (loss, views[0], model_state)

    (_, (loss, logits, model_state)), grads = jax.value_and_grad(
      canonicalize_on_cpu(loss_fn), has_aux=True
    )(state.params, x)
    grads, model_state = parallel.mean((grads, model_state))
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    report = {
      "loss": metrics.average(loss, batch["mask"]),
      "accuracy": metrics.accuracy(logits, _classes(labels), batch["mask"]),
    }
    return State(
      step=state.step + 1,
      params=params,
      model_state=model_state,
      opt_state=opt_state,
      ema=_averaged(state.ema, params, ema_decay),
    ), parallel.total(report)

  def prepared(batch: Batch, key: Key) -> tuple[Array, Array, Key]:
    """What a step sees: images, V views of B, their labels; and its key."""
    x, labels = batch["x"], batch["y"]
    if augment is not None:
      key, key_augment = jax.random.split(key)
      x = augment(key_augment, x)
    if mix is not None:
      key, key_mix = jax.random.split(key)
      one_hot = jax.nn.one_hot(labels, model.num_classes)
      x, labels = mix(key_mix, x, one_hot)
    if consistency is not None:
      key, *keys = jax.random.split(key, 3)
      x = jnp.concatenate([x, *(consistency(k, x) for k in keys)])
    return x, labels, key

  def evaluate(state: State, batch: Batch, key: Key):
    return measure(deployed(state), batch, key)

  def deployed(state: State) -> LogitsFn:
    return frozen(model, variables(state))

  def variables(state: State) -> PyTree:
    """Averaged parameters where they are kept."""
    params = state.params if state.ema is None else state.ema
    return {"params": params, **state.model_state}

  return Task(init, step, evaluate, deployed, variables)


def _cross_entropy(logits: Array, labels: Array) -> Array:
  """Labels are classes `[B]` or probabilities `[B, K]`."""
  if labels.ndim == 1:
    return losses.cross_entropy(logits, labels)
  return optax.softmax_cross_entropy(logits.astype(jnp.float32), labels)


def _classes(labels: Array) -> Array:
  return labels if labels.ndim == 1 else labels.argmax(axis=-1)


def _pop_params(variables):
  variables = dict(variables)
  params = variables.pop("params")
  return variables, params


def _averaged(ema, params, decay):
  if ema is None:
    return None
  return jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, ema, params)
