"""Free adversarial training: one gradient moves both weights and images."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from robust_jax import checks, losses, metrics, parallel, scores
from robust_jax.evaluators.robustness import robustness
from robust_jax.games.set_schedule_step import set_schedule_step
from robust_jax.tasks._example import Example, TinyNet, example_batch
from robust_jax.tasks._state import apply_gradients, mean_over_devices
from robust_jax.tasks.supervised import supervised
from robust_jax.training_losses.erm import erm
from robust_jax.training_losses.forward import model_forward
from robust_jax.types import Array, Batch, Evaluator, Key, Metrics, State, Task


def free(
  model: nn.Module,
  optimizer: optax.GradientTransformation,
  *,
  eps: float,
  replays: int = 8,
  evaluator: Evaluator,
) -> Task:
  """Free adversarial training: one gradient moves both weights and images.

      repeat `replays` times on each batch:
        g_w, g_delta = gradients of mean CE(f_w(x + delta), y) in w and delta
        w     <- optimizer step along -g_w
        delta <- clip(delta + eps sign(g_delta)) to the Linf ball and the box

  Each replay costs the one forward and backward pass of standard training, and
  a run of N / `replays` epochs costs what N epochs of that do.

  Args:
    model: as for `supervised`.
    optimizer: makes `replays` updates per step; its schedules follow the steps
      of the run.
    eps: radius of the Linf ball, in input units.
    replays: of each batch; 8 on CIFAR-10 and 4 on ImageNet in the paper.
    evaluator: as for `supervised`.

  Returns:
    The task; `step` reports "loss" and "accuracy" on x + delta, means over the
    replays.

  Raises:
    ValueError: eps is negative, or replays is below 1.

  Source: Shafahi et al. 2019, "Adversarial training for free!", algorithm 1.
  Deviation: delta starts at random in each batch. There it is carried over from
  the batch before, whose images are others; here a step depends on its state,
  its batch and its key alone.

  Example:
    >>> import jax, jax.numpy as jnp, optax
    >>> from robust_jax import parallel, tasks
    >>> from robust_jax.evaluators import robustness
    >>> from robust_jax.models import MLP
    >>> task = tasks.free(
    ...   MLP((4,), num_classes=2),
    ...   optax.sgd(0.1),
    ...   eps=0.3,
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
  checks.non_negative("eps", eps)
  checks.at_least_one("replays", replays)
  task = supervised(model, optimizer, loss=erm(), evaluator=evaluator)

  def replay(
    carry: tuple[State, Array], batch: Batch, key: Key
  ) -> tuple[tuple[State, Array], Metrics]:
    state, delta = carry
    x, y, mask = batch["x"], batch["y"], batch["mask"]

    def mean_loss(params, delta):
      forward = model_forward(model, params, state)
      logits, model_state = forward.train(key, x + delta)
      per_example = losses.cross_entropy(logits, y)
      mean = mean_over_devices(per_example, mask)
      return mean, (per_example, logits, model_state)

    (_, found), (grads, slope) = jax.value_and_grad(
      mean_loss, argnums=(0, 1), has_aux=True
    )(state.params, delta)
    per_example, logits, model_state = found
    state = apply_gradients(state, optimizer, grads, model_state)
    delta = jnp.clip(delta + eps * jnp.sign(slope), -eps, eps)
    report = {
      "loss": metrics.average(per_example, mask),
      "accuracy": metrics.average(scores.accuracy(logits, y), mask),
    }
    return (state, jnp.clip(x + delta, 0.0, 1.0) - x), report

  def step(state: State, batch: Batch, key: Key) -> tuple[State, Metrics]:
    key_start, key = jax.random.split(key)
    x = batch["x"]
    start = jax.random.uniform(key_start, x.shape, x.dtype, -eps, eps)
    delta = jnp.clip(x + start, 0.0, 1.0) - x
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
    TinyNet(), optax.sgd(0.1), eps=0.1, replays=2, evaluator=robustness()
  )
  return Example(task, example_batch())
