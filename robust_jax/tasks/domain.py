"""Unsupervised domain adaptation of one network, with any alignment."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, games, lookup, parallel
from robust_jax.adaptation import dann
from robust_jax.adaptation.records import Alignment, View
from robust_jax.evaluators.adaptation import adaptation
from robust_jax.games.grad_reverse import grad_reverse
from robust_jax.games.joint import joint
from robust_jax.games.players import Solver
from robust_jax.models.inference import DomainAdaptedModel
from robust_jax.schedules import weight_schedule
from robust_jax.tasks._example import Example, TinyNet, example_domains
from robust_jax.tasks._state import (
  evaluate_deployed,
  game_state,
  initial_state,
  next_state,
)
from robust_jax.tasks._two_domains import (
  adapted_model,
  example_view,
  forward_both,
  forward_one,
  initialize,
  label_loss,
  target_variables,
)
from robust_jax.types import Array, Batch, Key, PyTree, State, Task

SOLVERS = ("reversal", *games.__all__)


def domain(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  alignment: Alignment,
  num_steps: int,
  weight: float = 1.0,
  schedule: str = "dann",
  solver: str = "reversal",
  batch_norm: str = "none",
  class_weights: Sequence[float] = (),
  warm_start: Callable[[PyTree], PyTree] | None = None,
) -> Task:
  """Unsupervised domain adaptation of one network.

      minimize over the network:  source loss + lam distance(source, target)

  with `lam = weight schedule(step)`. With an adversary the distance is minus
  the adversary's loss, which the adversary minimizes, at full strength for
  any lam: the problem is a saddle point.

  Batches are `{"source": Batch, "target": Batch}` as `data.paired_loader` makes
  them, without target labels.

  Args:
    model: a classifier with `features` and `head`.
    optimizer: the optimizer of the network and, with its own state, of the
      adversary.
    alignment: the distance, or the adversary; see `robust_jax.adaptation`.
    num_steps: planned length of the run, which the schedule spans.
    weight: the final value of lam.
    schedule: the growth of lam, see `robust_jax.schedules`.
    solver: the solver of the game with an adversary: "reversal" for gradient
      reversal, in one backward pass, or the name of a solver in `games`.
    batch_norm: the statistics that BatchNorm uses: "none" for a model without
      BatchNorm, "joint" for those of both domains together, or "separate",
      which by itself closes much of the gap between some domains.
    class_weights: weights `[K]` of source examples by class, in loss and
      alignment, for a target of other class proportions (see
      `probes.label_shift`); 1 by default.
    warm_start: applied to the model's initial variables, for example to replace
      them by variables trained on the source.

  Returns:
    The task. `step` reports "loss" and "accuracy" on the source, "lam", and the
    metrics of the alignment; `evaluate` those of `evaluators.adaptation`.

  Raises:
    ValueError: the solver is unknown or the weight negative. `init` raises it
      if class_weights are negative, or if they or batch_norm do not fit the
      model.

  Source: Ganin et al. 2016, "Domain-adversarial training of neural networks",
  equations 9 to 15.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import adaptation, tasks
    >>> from robust_jax.models import SmallCNN
    >>> task = tasks.domain(
    ...   SmallCNN(), optax.sgd(0.1), alignment=adaptation.dann(), num_steps=10
    ... )
    >>> images = {"x": jnp.ones((8, 28, 28, 1)), "domain": jnp.zeros(8, int)}
    >>> batch = {"source": images, "target": images}
    >>> state = jax.eval_shape(task.init, jax.random.key(0), batch)
    >>> sorted(state.params)
    ['adversary', 'model']
  """
  evaluator = adaptation()
  checks.non_negative("weight", weight)
  if solver not in SOLVERS:
    raise ValueError(
      f"solver = '{solver}': expected one of {', '.join(SOLVERS)}."
    )
  problem = _Problem(model, alignment, batch_norm, tuple(class_weights))
  solve = _solver(problem, solver, {"adversary": optimizer, "model": optimizer})

  def init(key: Key, batch: Batch) -> State:
    key_model, key_alignment = jax.random.split(key)
    params, model_state = initialize(
      model, batch_norm, key_model, batch, warm_start
    )
    view = example_view(model, batch_norm, params, model_state, batch)
    _check_class_weights(class_weights, view.logits.shape[-1])
    adversary = alignment.init(key_alignment, view)
    game = solve.init({"model": params, "adversary": adversary})
    return initial_state(game, model_state)

  def step(state: State, batch: Batch, key: Key):
    lam = weight * weight_schedule(schedule, state.step, num_steps)
    game, aux = solve.step(
      game_state(state), state.model_state, batch, lam, key
    )
    report, model_state = aux["model"]
    ones = jnp.ones(())
    report = report | {"lam": (lam * ones, ones)}
    return next_state(state, game, model_state), parallel.total(report)

  def deployed(state: State) -> DomainAdaptedModel:
    params = state.params["model"]
    return adapted_model(model, batch_norm, params, state.model_state)

  def variables(state: State) -> PyTree:
    params = state.params["model"]
    return target_variables(batch_norm, params, state.model_state)

  evaluate = evaluate_deployed(evaluator, deployed)
  return Task(init, step, evaluate, deployed, variables, evaluator.summarize)


def example() -> Example:
  """Makes a tiny instance, for the contract tests of all tasks."""
  task = domain(
    TinyNet(),
    optax.sgd(0.1),
    alignment=dann(hidden=(4,)),
    num_steps=2,
    schedule="constant",
    batch_norm="separate",
  )
  return Example(task, example_domains())


class _Problem(NamedTuple):
  """Constants of the losses of all players; see `domain`."""

  model: nn.Module
  alignment: Alignment
  batch_norm: str
  class_weights: tuple[float, ...]


def _solver(
  problem: _Problem,
  solver: str,
  optimizers: Mapping[str, optax.GradientTransformation],
) -> Solver:
  """Makes the solver; its args are (model_state, batch, lam, key)."""
  if problem.alignment.adversarial and solver != "reversal":
    players = {
      "adversary": functools.partial(_adversary_loss, problem),
      "model": functools.partial(_model_loss, problem),
    }
    make = lookup.find("games", solver)
    return make(players, optimizers, reduce=parallel.mean)
  aligned = problem.alignment.loss is not None
  loss = functools.partial(_joint_loss if aligned else _source_loss, problem)
  return joint(loss, optimizers, reduce=parallel.mean)


def _joint_loss(
  problem: _Problem, params: PyTree, model_state, batch: Batch, lam, key: Key
):
  """Loss whose one gradient moves all players, an adversary by reversal."""
  if problem.alignment.adversarial:
    reverse = functools.partial(_reversed, lam=lam)
    loss, distance, aux = _losses(
      problem, params, model_state, batch, key, reverse
    )
    return loss + distance, {"model": aux}
  loss, distance, aux = _losses(problem, params, model_state, batch, key)
  return loss + lam * distance, {"model": aux}


def _source_loss(
  problem: _Problem, params: PyTree, model_state, batch: Batch, lam, key: Key
):
  """Loss without alignment; the target is needed for its statistics only."""
  if problem.batch_norm != "none":
    return _joint_loss(problem, params, model_state, batch, lam, key)
  source, model_state = forward_one(
    problem.model, params["model"], model_state, batch["source"]["x"], key
  )
  loss, report = _weighted_loss(problem, source.logits, batch)
  return loss, {"model": (report, model_state)}


def _model_loss(
  problem: _Problem, params: PyTree, model_state, batch: Batch, lam, key: Key
):
  loss, distance, aux = _losses(problem, params, model_state, batch, key)
  return loss - lam * distance, aux


def _adversary_loss(
  problem: _Problem, params: PyTree, model_state, batch: Batch, lam, key: Key
):
  del lam
  _, distance, _ = _losses(problem, params, model_state, batch, key)
  return distance, None


def _losses(
  problem: _Problem,
  params: PyTree,
  model_state: PyTree,
  batch: Batch,
  key: Key,
  to_adversary: Callable[[View], View] = lambda view: view,
) -> tuple[Array, Array | float, Any]:
  """Computes the source loss, the alignment's loss, (metrics, model_state)."""
  alignment = problem.alignment
  key_model, key_alignment = jax.random.split(key)
  source, target, model_state = _views(
    problem, params["model"], model_state, batch, key_model
  )
  loss, report = _weighted_loss(problem, source.logits, batch)
  if alignment.loss is None:
    return loss, 0.0, (report, model_state)
  distance, extra = alignment.loss(
    params["adversary"],
    to_adversary(source),
    to_adversary(target),
    key_alignment,
    parallel.gather,
  )
  return loss, distance, (report | extra, model_state)


def _views(
  problem: _Problem, params: PyTree, model_state, batch: Batch, key: Key
) -> tuple[View, View, PyTree]:
  source, target, model_state = forward_both(
    problem.model, problem.batch_norm, params, model_state, batch, key
  )
  weights = _weights(problem.class_weights, batch["source"]["y"])
  ones = jnp.ones_like(batch["target"]["mask"])
  return (
    View(*source, batch["source"]["domain"], weights),
    View(*target, batch["target"]["domain"], ones),
    model_state,
  )


def _weighted_loss(problem: _Problem, logits: Array, batch: Batch):
  each, report = label_loss(logits, batch)
  weights = _weights(problem.class_weights, batch["source"]["y"])
  return (each * weights).mean(), report


def _weights(class_weights: tuple[float, ...], labels: Array) -> Array:
  if not class_weights:
    return jnp.ones(labels.shape)
  return jnp.asarray(class_weights, jnp.float32)[labels]


def _reversed(view: View, lam: Array) -> View:
  features, logits = grad_reverse((view.features, view.logits), lam)
  return view._replace(features=features, logits=logits)


def _check_class_weights(class_weights, num_classes):
  checks.non_negative("class_weights", tuple(class_weights))
  if class_weights and len(class_weights) != num_classes:
    raise ValueError(
      f"class_weights are {len(class_weights)}: expected one for each of the "
      f"{num_classes} classes."
    )
