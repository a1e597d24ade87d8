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
from robust_jax.types import Attack, Batch, Key, LogitsFn, PyTree, State, Task


def supervised(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  probes: Mapping[str, Attack] | None = None,
  ema_decay: float = 0.0,
  warm_start: Callable[[PyTree], PyTree] | None = None,
) -> Task:
  """Empirical risk minimisation of a classifier.

  Args:
    model: takes x in [0, 1] and `train`, answers logits.
    optimizer: any optax transformation.
    probes: attacks that `evaluate` measures the frozen model by.
    ema_decay: decay per step of the averaged parameters that `evaluate` and
      deployment use; 0 keeps no average.
    warm_start: what the model's initial variables become, such as those that
      were trained on other data.

  Returns:
    The task; `step` reports "loss" and "accuracy" on its batch, `evaluate` what
    `evaluation.robustness` reports.

  Raises:
    ValueError: ema_decay is not in [0, 1).
  """
  if not 0 <= ema_decay < 1:
    raise ValueError(f"ema_decay = {ema_decay}: wanted 0 <= decay < 1.")
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
    def loss_fn(params, x):
      logits, model_state = model.apply(
        {"params": params, **state.model_state},
        x,
        train=True,
        mutable=list(state.model_state),
        rngs={"dropout": key},
      )
      loss = losses.cross_entropy(logits, batch["y"])
      return loss.mean(), (loss, logits, model_state)

    (_, (loss, logits, model_state)), grads = jax.value_and_grad(
      canonicalize_on_cpu(loss_fn), has_aux=True
    )(state.params, batch["x"])
    grads, model_state = parallel.mean((grads, model_state))
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    report = {
      "loss": metrics.average(loss, batch["mask"]),
      "accuracy": metrics.accuracy(logits, batch["y"], batch["mask"]),
    }
    return State(
      step=state.step + 1,
      params=params,
      model_state=model_state,
      opt_state=opt_state,
      ema=_averaged(state.ema, params, ema_decay),
    ), parallel.total(report)

  def evaluate(state: State, batch: Batch, key: Key):
    return measure(deployed(state), batch, key)

  def deployed(state: State) -> LogitsFn:
    """Averaged parameters where they are kept."""
    params = state.params if state.ema is None else state.ema
    return frozen(model, {"params": params, **state.model_state})

  return Task(init, step, evaluate, deployed)


def _pop_params(variables):
  variables = dict(variables)
  params = variables.pop("params")
  return variables, params


def _averaged(ema, params, decay):
  if ema is None:
    return None
  return jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, ema, params)
