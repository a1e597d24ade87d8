"""Maximum classifier discrepancy: two heads look for what the source lacks."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, parallel
from robust_jax.evaluators.adaptation import adaptation
from robust_jax.games.joint import joint
from robust_jax.games.player_step import player_step
from robust_jax.games.players import GameState
from robust_jax.games.set_schedule_step import set_schedule_step
from robust_jax.models.inference import DomainAdaptedModel, SplitModel
from robust_jax.tasks._example import Example, TinyNet, two_domains
from robust_jax.tasks._two_domains import (
  Pass,
  adapted,
  both_domains,
  feature_layers,
  initialize,
  label_loss,
  of_target,
  one_domain,
)
from robust_jax.types import Array, Batch, Key, PyTree, State, Task


def mcd(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  num_updates: int = 4,
  batch_norm: str = "none",
) -> Task:
  """Heads that agree on the source are set against each other on the target.

  Each step learns the source; then moves both heads to disagree on the target
  while they stay right on the source; then, `num_updates` times, the features
  so that the heads agree again. The discrepancy is the mean absolute difference
  of their probabilities. What is deployed averages the heads' logits.

  Args:
    model: a classifier with `features` and `head`; the second head is of the
      same layers, differently initialized.
    optimizer: of the features and, with a state of its own, of the heads.
    num_updates: of the features for each of the heads, n in the paper.
    batch_norm: whose statistics BatchNorm uses, as in `tasks.domain`. Only the
      pass on which the source is learned moves the running ones.

  Returns:
    The task. `step` reports "loss" and "accuracy" of the first head on the
    source, and "discrepancy" after the heads have moved.

  Raises:
    ValueError: num_updates is below 1; from `init`, batch_norm does not fit the
      model.

  Source: Saito et al. 2018, "Maximum classifier discrepancy for unsupervised
  domain adaptation", section 3.3, steps A to C, without their class balance
  loss.
  """
  checks.at_least_one("num_updates", num_updates)
  evaluator = adaptation()

  def source_loss(params: PyTree, model_state, batch: Batch, key: Key):
    if batch_norm == "none":  # the target's statistics need no pass
      passed, changed = one_domain(
        model, _whole(params, "first"), model_state, batch["source"]["x"], key
      )
      source = second(params, passed, key)
    else:
      source, _, changed = both(params, model_state, batch, key)
    loss, report = labels_loss(source, batch)
    return loss, (report, changed)

  def labels_loss(source: tuple[Array, Array], batch: Batch):
    """Of both heads; the first head's is reported."""
    first, report = label_loss(source[0], batch)
    other, _ = label_loss(source[1], batch)
    return (first + other).mean(), report

  def both(params: PyTree, model_state, batch: Batch, key: Key):
    """Logits of both heads on the source, on the target, new statistics."""
    source, target, changed = both_domains(
      model, batch_norm, _whole(params, "first"), model_state, batch, key
    )
    return second(params, source, key), second(params, target, key), changed

  def second(params: PyTree, passed: Pass, key: Key) -> tuple[Array, Array]:
    """The logits of the first head, and those of the second."""
    logits = model.apply(
      {"params": _whole(params, "second")},
      passed.features,
      train=True,
      method="head",
      rngs={"dropout": jax.random.fold_in(key, 1)},
    )
    return passed.logits, logits

  def discrepancy(params: PyTree, model_state, batch: Batch, key: Key):
    if batch_norm == "joint":
      _, target, _ = both(params, model_state, batch, key)
    else:
      own = model_state if batch_norm == "none" else model_state["target"]
      passed, _ = one_domain(
        model, _whole(params, "first"), own, batch["target"]["x"], key
      )
      target = second(params, passed, key)
    return _disagreement(target), None

  def heads_loss(params: PyTree, model_state, batch: Batch, key: Key):
    source, target, _ = both(params, model_state, batch, key)
    apart = _disagreement(target)
    loss, _ = labels_loss(source, batch)
    return loss - apart, {"discrepancy": (apart, jnp.ones(()))}

  optimizers = {"features": optimizer, "heads": optimizer}
  learn = joint(source_loss, optimizers, reduce=parallel.mean)
  differ = player_step("heads", heads_loss, optimizer, reduce=parallel.mean)
  agree = player_step("features", discrepancy, optimizer, reduce=parallel.mean)

  def init(key: Key, batch: Batch) -> State:
    key_first, key_second = jax.random.split(key)
    first, model_state = initialize(model, batch_norm, key_first, batch)
    second, _ = initialize(model, batch_norm, key_second, batch)
    layers = feature_layers(model, batch)
    game = learn.init(
      {
        "features": {name: first[name] for name in layers},
        "heads": {
          "first": _without(first, layers),
          "second": _without(second, layers),
        },
      }
    )
    step = jnp.zeros((), jnp.int32)
    return State(step, game.params, model_state, game.opt_state)

  def step(state: State, batch: Batch, key: Key):
    keys = jax.random.split(key, 2 + num_updates)
    game = GameState(
      state.params, set_schedule_step(state.opt_state, state.step)
    )
    args = state.model_state, batch
    game, (report, model_state) = learn.step(game, *args, keys[0])
    game, apart = differ(game, *args, keys[1])
    game = jax.lax.fori_loop(
      0, num_updates, lambda i, g: agree(g, *args, keys[2 + i])[0], game
    )
    return State(
      step=state.step + 1,
      params=game.params,
      model_state=parallel.mean(model_state),
      opt_state=game.opt_state,
    ), parallel.total(report | apart)

  def deployed(state: State) -> DomainAdaptedModel:
    first, second = (
      adapted(model, batch_norm, _whole(state.params, head), state.model_state)
      for head in ("first", "second")
    )
    return DomainAdaptedModel(
      _averaged(first.source, second.source),
      _averaged(first.target, second.target),
    )

  def evaluate(state: State, batch: Batch, key: Key):
    return evaluator.measure(deployed(state), batch, key)

  def variables(state: State) -> PyTree:
    """With the first of the two heads."""
    params = _whole(state.params, "first")
    return of_target(batch_norm, params, state.model_state)

  return Task(init, step, evaluate, deployed, variables, evaluator.summarize)


def example() -> Example:
  """A tiny instance, for the tests of all tasks."""
  task = mcd(TinyNet(), optax.sgd(0.1), batch_norm="separate")
  return Example(task, two_domains())


def _disagreement(pair: tuple[Array, Array]) -> Array:
  first, second = (jax.nn.softmax(logits) for logits in pair)
  return jnp.abs(first - second).mean()


def _averaged(first: SplitModel, second: SplitModel) -> SplitModel:
  heads = jax.tree_util.Partial(_mean_answer, first.head, second.head)
  return SplitModel(first.features, heads)


def _mean_answer(first, second, h):
  return (first(h) + second(h)) / 2


def _whole(params: PyTree, head: str) -> PyTree:
  return {**params["features"], **params["heads"][head]}


def _without(params: PyTree, names: list[str]) -> PyTree:
  return {name: leaf for name, leaf in params.items() if name not in names}
