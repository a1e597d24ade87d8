"""Free adversarial training: one gradient moves both weights and images."""

from collections.abc import Callable

import flax.linen as nn
import jax
import optax

from robust_jax import checks, losses, metrics, parallel, scores
from robust_jax.evaluators.robustness import robustness
from robust_jax.games.set_schedule_step import set_schedule_step
from robust_jax.perturbations import first_order_step
from robust_jax.perturbations.linf import linf
from robust_jax.tasks._example import Example, TinyNet, example_batch
from robust_jax.tasks._state import apply_gradients, mean_over_devices
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses.erm import erm
from robust_jax.training_losses.forward import model_forward
from robust_jax.types import (
  Batch,
  Evaluator,
  Key,
  Metrics,
  PerturbationSet,
  PyTree,
  State,
  Task,
)


def free(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  pset: PerturbationSet,
  replays: int = 8,
  step_size: float = 1.0,
  evaluator: Evaluator,
  warm_start: Callable[[PyTree], PyTree] | None = None,
) -> Task:
  """Free adversarial training: one gradient moves both weights and images.

      repeat `replays` times on each batch:
        g_w, g_delta = gradients of mean CE(f_w(x'), y) in w and delta
        w     <- optimizer step along -g_w
        delta <- step of the set along g_delta, from delta

  Each replay costs the one forward and backward pass of standard training, and
  a run of N / `replays` epochs costs what N epochs of that do. x' is x with
  delta applied; in an Linf ball a step is `delta + eps sign(g_delta)`, clipped
  to ball and box.

  Args:
    model: as for `supervised`.
    optimizer: makes `replays` updates per step; its schedules follow the steps
      of the run.
    pset: the perturbation set: `linf` in the paper, `embeddings` for texts.
    replays: of each batch; 8 on CIFAR-10 and 4 on ImageNet in the paper.
    step_size: length of a step, as a fraction of the radius.
    evaluator: as for `supervised`.
    warm_start: likewise.

  Returns:
    The task; `step` reports "loss" and "accuracy" on x', means over the
    replays.

  Raises:
    ValueError: replays is below 1, or step_size negative.

  Source: Shafahi et al. 2019, "Adversarial training for free!", algorithm 1.
  Deviation: delta starts at random in each batch. There it is carried over from
  the batch before, whose images are others; here a step depends on its state,
  its batch and its key alone.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import parallel, perturbations, tasks
    >>> from robust_jax.evaluators import robustness
    >>> from robust_jax.models import MLP
    >>> task = tasks.free(
    ...   MLP((4,), num_classes=2),
    ...   optax.sgd(0.1),
    ...   pset=perturbations.linf(0.3),
    ...   evaluator=robustness(),
    ... )
    >>> x, y = jnp.ones((2, 3)), jnp.zeros(2, jnp.int32)
    >>> batch = {"x": x, "y": y, "mask": jnp.ones(2)}
    >>> key = jax.random.key(0)
    >>> step = parallel.simulate_step(task.step, num_devices=1)
    >>> state, report = step(task.init(key, batch), (), batch, key)
    >>> int(state.step), float(report["loss"][1])  # 8 replays of 2 examples
    (1, 16.0)
  """
  checks.at_least_one("replays", replays)
  checks.non_negative("step_size", step_size)
  task = supervised(
    model,
    optimizer,
    loss=erm(),
    evaluator=evaluator,
    warm_start=warm_start,
  )

  def replay(
    carry: tuple[State, PyTree], batch: Batch, key: Key
  ) -> tuple[tuple[State, PyTree], Metrics]:
    state, delta = carry
    x, y, mask = batch["x"], batch["y"], batch["mask"]

    def mean_loss(params, delta):
      forward = model_forward(model, params, state)
      logits, model_state = forward.train(key, pset.apply(x, delta))
      per_example = losses.cross_entropy(logits, y)
      mean = mean_over_devices(per_example, mask)
      return mean, (per_example, logits, model_state)

    (_, found), (grads, slope) = jax.value_and_grad(
      mean_loss, argnums=(0, 1), has_aux=True
    )(state.params, delta)
    per_example, logits, model_state = found
    state = apply_gradients(state, optimizer, grads, model_state)
    delta = first_order_step.step(pset, x, delta, slope, step_size)
    report = {
      "loss": metrics.average(per_example, mask),
      "accuracy": metrics.average(scores.accuracy(logits, y), mask),
    }
    return (state, delta), report

  def step(state: State, batch: Batch, key: Key) -> tuple[State, Metrics]:
    key_start, key = jax.random.split(key)
    x = batch["x"]
    pset.check(x)
    delta = pset.project(x, pset.sample(key_start, x))
    opt_state = set_schedule_step(state.opt_state, state.step)
    (state, _), reports = jax.lax.scan(
      lambda carry, key: replay(carry, batch, key),
      (state._replace(opt_state=opt_state), delta),
      jax.random.split(key, replays),
    )
    report = jax.tree.map(lambda each: each.sum(axis=0), reports)
    return state._replace(step=state.step + 1), parallel.total(report)

  return task._replace(step=step)


def example() -> Example:
  """A tiny instance, for the tests of all tasks."""
  task = free(
    TinyNet(),
    optax.sgd(0.1),
    pset=linf(0.1),
    replays=2,
    evaluator=robustness(),
  )
  return Example(task, example_batch())
