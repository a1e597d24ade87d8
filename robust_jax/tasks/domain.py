"""Domain adaptation: labels in the source, answers in the target."""

import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, lookup, parallel
from robust_jax.adaptation import dann
from robust_jax.adaptation.records import Alignment, View
from robust_jax.evaluators.adaptation import adaptation
from robust_jax.games.grad_reverse import grad_reverse
from robust_jax.games.joint import joint
from robust_jax.games.players import GameState
from robust_jax.games.set_schedule_step import set_schedule_step
from robust_jax.models.inference import DomainAdaptedModel
from robust_jax.schedules import ramp as ramp_at
from robust_jax.tasks._example import Example, TinyNet, two_domains
from robust_jax.tasks._two_domains import (
  adapted,
  both_domains,
  initialize,
  label_loss,
  of_target,
  one_domain,
  one_view,
)
from robust_jax.types import Array, Batch, Key, PyTree, State, Task

SOLVERS = (
  "reversal",
  "alternating",
  "consensus",
  "extragradient",
  "optimistic",
  "past_extragradient",
  "simultaneous",
)


def domain(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  alignment: Alignment,
  num_steps: int,
  weight: float = 1.0,
  ramp: str = "dann",
  solver: str = "reversal",
  batch_norm: str = "none",
  class_weights: Sequence[float] = (),
  warm_start: Callable[[PyTree], PyTree] | None = None,
) -> Task:
  """min over the network of the source's loss + lam x distance of the domains.

  Batches are `{"source": Batch, "target": Batch}` as `data.paired_loader` makes
  them: no label of the target is seen. lam = weight x ramp. With an adversary
  the distance is minus its loss, which it minimizes at full strength whatever
  lam is: a saddle point.

  Args:
    model: a classifier with `features` and `head`.
    optimizer: of the network and, with a state of its own, of the adversary.
    alignment: what is aligned and how.
    num_steps: planned length of the run, over which the ramp is stretched.
    weight: the final lam.
    ramp: its growth, see `robust_jax.schedules`.
    solver: of the game with an adversary: "reversal" of the gradient, in one
      backward pass, or the name of a solver in `games`.
    batch_norm: whose statistics BatchNorm uses: "none" where the model has
      none, "joint", or "separate", which alone closes much of a gap.
    class_weights: `[K]` of the source's examples by class, where the target
      has other proportions (`evaluation.label_shift`); they weigh the loss and
      the alignment. Without any, all count alike.
    warm_start: what the model's initial variables become, such as those that
      were trained on the source.

  Returns:
    The task. `step` reports "loss" and "accuracy" on the source, "lam" and what
    the alignment reports; `evaluate` what `evaluators.adaptation` does.

  Raises:
    ValueError: the solver is unknown or the weight negative; from `init`,
      class_weights are negative, or they or batch_norm do not fit the model.

  Source: Ganin et al. 2016, "Domain-adversarial training of neural networks",
  equations 9 to 15.
  """
  evaluator = adaptation()
  checks.non_negative("weight", weight)
  if solver not in SOLVERS:
    raise ValueError(
      f"solver = '{solver}': expected one of {', '.join(SOLVERS)}."
    )

  def weights(labels: Array) -> Array:
    if not class_weights:
      return jnp.ones(labels.shape)
    return jnp.asarray(class_weights, jnp.float32)[labels]

  def views(params: PyTree, model_state: PyTree, batch: Batch, key: Key):
    source, target, model_state = both_domains(
      model, batch_norm, params, model_state, batch, key
    )
    ones = jnp.ones_like(batch["target"]["mask"])
    return (
      View(*source, batch["source"]["domain"], weights(batch["source"]["y"])),
      View(*target, batch["target"]["domain"], ones),
      model_state,
    )

  def weighed_loss(logits: Array, batch: Batch):
    each, report = label_loss(logits, batch)
    return (each * weights(batch["source"]["y"])).mean(), report

  def parts(params: PyTree, model_state, batch, key, shown=lambda view: view):
    """The source's loss, the distance of the domains, and what is reported."""
    key_model, key_alignment = jax.random.split(key)
    source, target, model_state = views(
      params["model"], model_state, batch, key_model
    )
    loss, report = weighed_loss(source.logits, batch)
    if alignment.loss is None:
      return loss, 0.0, (report, model_state)
    distance, extra = alignment.loss(
      params["adversary"],
      shown(source),
      shown(target),
      key_alignment,
      parallel.gather,
    )
    return loss, distance, (report | extra, model_state)

  def joint_loss(params: PyTree, model_state, batch: Batch, lam, key):
    """Whose one gradient moves everybody; an adversary's is reversed."""
    if alignment.adversarial:
      shown = functools.partial(_reversed, lam=lam)
      loss, distance, aux = parts(params, model_state, batch, key, shown)
      return loss + distance, {"model": aux}
    loss, distance, aux = parts(params, model_state, batch, key)
    return loss + lam * distance, {"model": aux}

  def source_loss(params: PyTree, model_state, batch: Batch, lam, key):
    """Where nothing is aligned only statistics ask for the target."""
    if batch_norm != "none":
      return joint_loss(params, model_state, batch, lam, key)
    source, model_state = one_domain(
      model, params["model"], model_state, batch["source"]["x"], key
    )
    loss, report = weighed_loss(source.logits, batch)
    return loss, {"model": (report, model_state)}

  def model_loss(params: PyTree, model_state, batch: Batch, lam, key):
    loss, distance, aux = parts(params, model_state, batch, key)
    return loss - lam * distance, aux

  def adversary_loss(params: PyTree, model_state, batch: Batch, lam, key):
    del lam
    _, distance, _ = parts(params, model_state, batch, key)
    return distance, None

  optimizers = {"adversary": optimizer, "model": optimizer}
  if alignment.adversarial and solver != "reversal":
    played = {"adversary": adversary_loss, "model": model_loss}
    make = lookup.find("games", solver)
  else:
    played = source_loss if alignment.loss is None else joint_loss
    make = joint
  solve = make(played, optimizers, reduce=parallel.mean)

  def init(key: Key, batch: Batch) -> State:
    key_model, key_alignment = jax.random.split(key)
    params, model_state = initialize(
      model, batch_norm, key_model, batch, warm_start
    )
    view = one_view(model, batch_norm, params, model_state, batch)
    _check_class_weights(class_weights, view.logits.shape[-1])
    adversary = alignment.init(key_alignment, view)
    game = solve.init({"model": params, "adversary": adversary})
    return State(
      step=jnp.zeros((), jnp.int32),
      params=game.params,
      model_state=model_state,
      opt_state=(game.opt_state, game.memory),
    )

  def step(state: State, batch: Batch, key: Key):
    lam = weight * ramp_at(ramp, state.step, num_steps)
    opt_state, memory = state.opt_state
    game = GameState(
      state.params, set_schedule_step(opt_state, state.step), memory
    )
    game, aux = solve.step(game, state.model_state, batch, lam, key)
    report, model_state = aux["model"]
    ones = jnp.ones(())
    return State(
      step=state.step + 1,
      params=game.params,
      model_state=parallel.mean(model_state),
      opt_state=(game.opt_state, game.memory),
    ), parallel.total(report | {"lam": (lam * ones, ones)})

  def evaluate(state: State, batch: Batch, key: Key):
    return evaluator.measure(deployed(state), batch, key)

  def deployed(state: State) -> DomainAdaptedModel:
    return adapted(model, batch_norm, state.params["model"], state.model_state)

  def variables(state: State) -> PyTree:
    return of_target(batch_norm, state.params["model"], state.model_state)

  return Task(init, step, evaluate, deployed, variables, evaluator.summarize)


def example() -> Example:
  """A tiny instance, for the tests of all tasks."""
  task = domain(
    TinyNet(),
    optax.sgd(0.1),
    alignment=dann(hidden=(4,)),
    num_steps=2,
    ramp="constant",
    batch_norm="separate",
  )
  return Example(task, two_domains())


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
