"""The training loop, for every task and any number of devices and processes."""

import contextlib
import dataclasses
import math
import pathlib
import time
from collections.abc import Callable

import jax

from robust_jax import checks, parallel
from robust_jax.data.loader import Loader, num_rows
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.training.early_stopping import EarlyStopping
from robust_jax.training.interrupt import interrupt
from robust_jax.training.log import Log
from robust_jax.training.measure_dataset import measure_dataset
from robust_jax.training.monitor import Monitor
from robust_jax.training.progress import Progress, in_units
from robust_jax.training.result import (
  TrainResult,
  failure_noted,
  read_result,
  write_result,
)
from robust_jax.training.step_cost import StepCost
from robust_jax.training.window import Window
from robust_jax.types import Key, State, Task

_WHERE_IT_COLLAPSES = EarlyStopping()


@dataclasses.dataclass(frozen=True)
class LoopConfig:
  """Options of the training loop; all lengths are in steps.

  Attributes:
    num_steps: length of the run.
    log_every: steps between records of the training metrics.
    evaluate_every: steps between evaluations, each followed by a checkpoint.
    monitor: the validation metric that ranks checkpoints.
    keep_last: number of newest checkpoints to keep besides the best.
    stopping: when training stops early.

  Raises:
    ValueError: a length is below 1.
  """

  num_steps: int
  log_every: int
  evaluate_every: int
  monitor: Monitor
  keep_last: int = 2
  stopping: EarlyStopping = _WHERE_IT_COLLAPSES

  def __post_init__(self):
    for name in ("num_steps", "log_every", "evaluate_every", "keep_last"):
      checks.at_least_one(f"training.{name}", getattr(self, name))


def train(
  task: Task,
  training: Loader,
  validation: Loader,
  config: LoopConfig,
  key: Key,
  workdir: pathlib.Path,
  title: str = "training",
  deadline: float = math.inf,
  observe: Callable[[State], None] | None = None,
  cost: StepCost | None = None,
) -> TrainResult:
  """Trains a task, resuming from the newest checkpoint in `workdir`.

  Checkpoints, `metrics.jsonl` and TensorBoard events are written to `workdir`,
  and the message of an error to `failure.txt`.
  The position in the data and all keys are functions of the step, so on one
  device a run that was killed and resumed ends with the same parameters, bit
  for bit, as one that was not.

  Args:
    task: the task to train.
    training: endless loader of training batches.
    validation: loader of one pass, for `task.evaluate`.
    config: options of the loop.
    key: key of the whole run.
    workdir: an existing folder, shared by all processes.
    title: title of the progress bar.
    deadline: the reading of `time.monotonic` at which training is interrupted.
    observe: called in the lead process with the initial State and with the
      State of each evaluation, before its checkpoint is saved. What it writes
      for a step exists when the checkpoint does, however a process ends.
    cost: cost of a training step, from `dry_run.dry_run`, which is logged with
      the speed; see `Window`.

  Returns:
    The result. Its status is "interrupted" after SIGINT, SIGTERM or the
    deadline, when a checkpoint has been written.

  Raises:
    FloatingPointError: a metric is not finite; earlier checkpoints stay.
    ValueError: the checkpoints in workdir are of another model.
  """
  previous = read_result(workdir)
  if previous is not None:
    return previous
  with contextlib.ExitStack() as opened:
    if parallel.is_lead():
      opened.enter_context(failure_noted(workdir))
    checkpoints = Checkpoints(
      workdir / "checkpoints", config.keep_last, config.monitor
    )
    opened.callback(checkpoints.close)
    state = _start(task, training, checkpoints, key)
    log = Log(workdir, int(state.step))
    opened.callback(log.close)
    if observe is None or not parallel.is_lead():
      observe = lambda state: None
    if state.step == 0:
      observe(state)
    run = _Run(
      task,
      training,
      validation,
      config,
      key,
      checkpoints,
      log,
      deadline,
      observe,
      cost,
    )
    with Progress(title, config.num_steps, int(state.step)) as bar:
      status, step = run(state, bar)
    checkpoints.wait()
    result = TrainResult(status, step, checkpoints.best_step())
    if status != "interrupted" and parallel.is_lead():
      write_result(workdir, result)
    return result


def _start(
  task: Task, training: Loader, checkpoints: Checkpoints, key: Key
) -> State:
  """Restores the newest checkpoint, or initializes the State."""
  first = next(iter(training.indices(0)))
  batch = jax.jit(training.decode)(training.device_data, first)
  template = jax.eval_shape(task.init, key, batch)
  state = checkpoints.restore_latest(template)
  if state is None:
    state = jax.jit(task.init)(key, batch)
  return parallel.replicate(state)


def _described(cost: StepCost | None) -> str:
  """Returns what a step costs, as far as that is known."""
  if cost is None:
    return ""
  passes = f"{cost.forward:g} forward and {cost.backward:g} backward passes"
  shown = {
    f"{passes} per example": cost.forward,
    in_units(cost.flop, "FLOP"): cost.flop,
  }
  known = [text for text, value in shown.items() if not math.isnan(value)]
  return f": {', '.join(known)}" if known else ""


class _Run:
  """The loop, with everything that is constant in it."""

  def __init__(
    self,
    task,
    training,
    validation,
    config,
    key,
    checkpoints,
    log,
    deadline,
    observe,
    cost,
  ):
    self._training, self._validation = training, validation
    self._deadline, self._observe, self._cost = deadline, observe, cost
    self._config, self._checkpoints, self._log = config, checkpoints, log
    self._key, self._key_evaluate = jax.random.split(key)
    self._step = parallel.pmap_step(task.step, training.decode)
    self._evaluate = parallel.pmap_evaluate(task.evaluate, validation.decode)
    self._summarize = task.summarize
    self._device_data = parallel.replicate(training.device_data)
    self._held_out = parallel.replicate(validation.device_data)
    self._shown: dict[str, float] = {}

  def __call__(self, state: State, bar: Progress) -> tuple[str, int]:
    config, step = self._config, int(state.step)
    stream = self._training.indices(step)
    window = Window(self._cost)
    with interrupt() as interrupted:
      while step < config.num_steps:
        indices = next(stream)
        state, metrics = self._step(
          state, self._device_data, indices, self._key
        )
        step += 1
        rows = num_rows(indices) * parallel.num_processes()
        window.add(step, metrics, rows)
        last = step == config.num_steps
        due = step % config.evaluate_every == 0 or last
        record = step % config.log_every == 0 or due
        # Several processes must agree, which costs a synchronization.
        ask = record or parallel.num_processes() == 1
        late = time.monotonic() >= self._deadline
        stop = ask and parallel.any_process(interrupted() or late)
        if record or stop:
          self._record(window, step, bar)
        if due and not self._evaluate_and_save(state, step, bar):
          return "stopped_early", step
        bar.update(step, self._shown)
        if due:
          window.restart_clock()
        if stop and not last:
          self._checkpoints.save(state, {})
          return "interrupted", step
    return "finished", step

  def _record(self, window: Window, step: int, bar: Progress) -> None:
    values = window.close()
    if "compile_seconds" in values:
      seconds = f"{values['compile_seconds']:.1f} s"
      bar.say(f"step compiled in {seconds}{_described(self._cost)}")
    self._shown["loss"] = values.get("loss", math.nan)
    self._log.write("train", step, step / self._training.num_steps, values)

  def _evaluate_and_save(self, state: State, step: int, bar: Progress) -> bool:
    """Evaluates and saves; returns False if training is to stop early.

    A checkpoint at which it stops is saved only if it is the only one.
    """
    values = self._summarize(
      measure_dataset(
        self._evaluate,
        state,
        self._validation,
        self._held_out,
        jax.random.fold_in(self._key_evaluate, step),
      )
    )
    self._log.write("validation", step, step / self._training.num_steps, values)
    self._shown |= {k: v for k, v in values.items() if k != "loss"}
    config, best = self._config, self._checkpoints.best_score
    reason = config.stopping.reason(config.monitor, step, values, best)
    self._observe(state)
    if reason is None or best == -math.inf:
      self._checkpoints.save(state, values)
    for warning in config.monitor.warnings(values):
      best_step = self._checkpoints.best_step()
      bar.say(f"step {step}: {warning}; the best is step {best_step}.")
    if reason is not None:
      bar.say(
        f"step {step}: {reason}; training stops here, and the best checkpoint "
        f"is that of step {self._checkpoints.best_step()}."
      )
    return reason is None
