"""Maximum classifier discrepancy (MCD)."""

import functools
from collections.abc import Callable
from typing import NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, parallel
from robust_jax.evaluators.adaptation import adaptation
from robust_jax.games.joint import joint
from robust_jax.games.player_step import player_step
from robust_jax.models.inference import DomainAdaptedModel, SplitModel
from robust_jax.tasks._example import Example, TinyNet, example_domains
from robust_jax.tasks._state import (
  evaluate_deployed,
  game_state,
  initial_state,
  next_state,
)
from robust_jax.tasks._two_domains import (
  Pass,
  adapted_model,
  feature_layers,
  forward_both,
  forward_one,
  initialize,
  label_loss,
  target_variables,
)
from robust_jax.types import Array, Batch, Key, PyTree, State, Task


def mcd(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  num_updates: int = 4,
  batch_norm: str = "none",
) -> Task:
  """Maximum classifier discrepancy (MCD).

  Each step consists of three parts, with d the mean absolute difference of the
  probabilities of two heads:

      A: all parameters minimize  the source loss of both heads
      B: the heads minimize       the same - d(target)
      C: the features minimize    d(target),  `num_updates` times

  The deployed model averages the logits of the heads.

  Args:
    model: a classifier with `features` and `head`. The second head has the same
      layers, initialized differently.
    optimizer: the optimizer of the features and, with its own state, of the
      heads.
    num_updates: number of updates of the features for each of the heads, n in
      the paper.
    batch_norm: the statistics that BatchNorm uses, as in `tasks.domain`. Only
      part A updates the running statistics.

  Returns:
    The task. `step` reports "loss" and "accuracy" of the first head on the
    source, and "discrepancy", that of part B.

  Raises:
    ValueError: num_updates is below 1. `init` raises it if batch_norm does not
      fit the model.

  Source: Saito et al. 2018, "Maximum classifier discrepancy for unsupervised
  domain adaptation", section 3.3, steps A to C.

  Deviation: there is no class balance loss.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import tasks
    >>> from robust_jax.models import SmallCNN
    >>> task = tasks.mcd(SmallCNN(), optax.sgd(0.1))
    >>> images = {"x": jnp.ones((8, 28, 28, 1)), "domain": jnp.zeros(8, int)}
    >>> batch = {"source": images, "target": images}
    >>> state = jax.eval_shape(task.init, jax.random.key(0), batch)
    >>> sorted(state.params["heads"])
    ['first', 'second']
  """
  checks.at_least_one("num_updates", num_updates)
  evaluator = adaptation()
  source_loss, heads_loss, features_loss = (
    functools.partial(loss, _Problem(model, batch_norm))
    for loss in (_source_loss, _heads_loss, _features_loss)
  )
  optimizers = {"features": optimizer, "heads": optimizer}
  part_a = joint(source_loss, optimizers, reduce=parallel.mean)
  part_b = player_step("heads", heads_loss, optimizer, reduce=parallel.mean)
  part_c = player_step(
    "features", features_loss, optimizer, reduce=parallel.mean
  )

  def init(key: Key, batch: Batch) -> State:
    key_first, key_second = jax.random.split(key)
    first, model_state = initialize(model, batch_norm, key_first, batch)
    second, _ = initialize(model, batch_norm, key_second, batch)
    layers = feature_layers(model, batch)
    heads = {
      "first": _without(first, layers),
      "second": _without(second, layers),
    }
    features = {name: first[name] for name in layers}
    game = part_a.init({"features": features, "heads": heads})
    return initial_state(game, model_state)

  def step(state: State, batch: Batch, key: Key):
    keys = jax.random.split(key, 2 + num_updates)
    args = state.model_state, batch
    game, aux = part_a.step(game_state(state), *args, keys[0])
    report, model_state = cast(tuple, aux)
    game, discrepancy = part_b(game, *args, keys[1])
    game = jax.lax.fori_loop(
      0, num_updates, lambda i, g: part_c(g, *args, keys[2 + i])[0], game
    )
    report = parallel.total(report | discrepancy)
    return next_state(state, game, model_state), report

  def deployed(state: State) -> DomainAdaptedModel:
    first, second = (
      adapted_model(
        model, batch_norm, _one_head(state.params, head), state.model_state
      )
      for head in ("first", "second")
    )
    return DomainAdaptedModel(
      _averaged(first.source, second.source),
      _averaged(first.target, second.target),
    )

  def variables(state: State) -> PyTree:
    """The variables of the model with the first of the two heads."""
    params = _one_head(state.params, "first")
    return target_variables(batch_norm, params, state.model_state)

  evaluate = evaluate_deployed(evaluator, deployed)
  return Task(init, step, evaluate, deployed, variables, evaluator.summarize)


def example() -> Example:
  """Makes a tiny instance, for the contract tests of all tasks."""
  task = mcd(TinyNet(), optax.sgd(0.1), batch_norm="separate")
  return Example(task, example_domains())


class _Problem(NamedTuple):
  """Constants of the losses of all parts; see `mcd`."""

  model: nn.Module
  batch_norm: str


def _source_loss(
  problem: _Problem, params: PyTree, model_state, batch: Batch, key: Key
):
  """The loss of part A."""
  model, batch_norm = problem
  if batch_norm == "none":  # no statistics, so no pass on the target
    outputs, changed = forward_one(
      model, _one_head(params, "first"), model_state, batch["source"]["x"], key
    )
    source = _both_heads(model, params, outputs, key)
  else:
    source, _, changed = _forward_both(problem, params, model_state, batch, key)
  loss, report = _labels_loss(source, batch)
  return loss, (report, changed)


def _heads_loss(
  problem: _Problem, params: PyTree, model_state, batch: Batch, key: Key
):
  """The loss of part B."""
  source, target, _ = _forward_both(problem, params, model_state, batch, key)
  discrepancy = _discrepancy(target)
  loss, _ = _labels_loss(source, batch)
  return loss - discrepancy, {"discrepancy": (discrepancy, jnp.ones(()))}


def _features_loss(
  problem: _Problem, params: PyTree, model_state, batch: Batch, key: Key
):
  """The loss of part C."""
  model, batch_norm = problem
  if batch_norm == "joint":
    _, target, _ = _forward_both(problem, params, model_state, batch, key)
  else:
    own = model_state if batch_norm == "none" else model_state["target"]
    outputs, _ = forward_one(
      model, _one_head(params, "first"), own, batch["target"]["x"], key
    )
    target = _both_heads(model, params, outputs, key)
  return _discrepancy(target), None


def _forward_both(
  problem: _Problem, params: PyTree, model_state, batch: Batch, key: Key
):
  """Logits of both heads on the source, on the target, new statistics."""
  model, batch_norm = problem
  source, target, changed = forward_both(
    model, batch_norm, _one_head(params, "first"), model_state, batch, key
  )
  return (
    _both_heads(model, params, source, key),
    _both_heads(model, params, target, key),
    changed,
  )


def _both_heads(
  model: nn.Module, params: PyTree, outputs: Pass, key: Key
) -> tuple[Array, Array]:
  """Logits of the first head, which are given, and of the second."""
  logits = model.apply(
    {"params": _one_head(params, "second")},
    outputs.features,
    train=True,
    method="head",
    rngs={"dropout": jax.random.fold_in(key, 1)},
  )
  return outputs.logits, cast(Array, logits)


def _labels_loss(source: tuple[Array, Array], batch: Batch):
  """The mean loss of the sum of both heads, and metrics of the first head."""
  first, report = label_loss(source[0], batch)
  second, _ = label_loss(source[1], batch)
  return (first + second).mean(), report


def _discrepancy(logits: tuple[Array, Array]) -> Array:
  first, second = (jax.nn.softmax(one) for one in logits)
  return jnp.abs(first - second).mean()


def _averaged(first: SplitModel, second: SplitModel) -> SplitModel:
  heads = jax.tree_util.Partial(_mean_logits, first.head, second.head)
  return SplitModel(first.features, heads)


def _mean_logits(first: Callable, second: Callable, h: Array) -> Array:
  return (first(h) + second(h)) / 2


def _one_head(params: PyTree, head: str) -> PyTree:
  return {**params["features"], **params["heads"][head]}


def _without(params: PyTree, names: list[str]) -> PyTree:
  return {name: leaf for name, leaf in params.items() if name not in names}
