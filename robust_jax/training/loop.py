"""The one training loop: every task, any number of devices and processes."""

import contextlib
import dataclasses
import math
import pathlib
import time

import jax
import numpy as np

from robust_jax import checks, parallel
from robust_jax import metrics as masked
from robust_jax.data.loader import Loader, num_rows
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.training.evaluate import run_evaluation
from robust_jax.training.interrupt import interrupt
from robust_jax.training.log import Log
from robust_jax.training.monitor import Monitor
from robust_jax.training.progress import Progress
from robust_jax.training.result import TrainResult, read_result, write_result
from robust_jax.types import Key, Metrics, State, Task


@dataclasses.dataclass(frozen=True)
class LoopConfig:
  """How long to train, and what to do on the way; all in steps.

  Attributes:
    num_steps: length of the run.
    log_every: steps between records of the training metrics.
    evaluate_every: steps between evaluations, each followed by a checkpoint.
    monitor: the validation metric by which the best checkpoint is chosen.
    keep_last: checkpoints kept, beside the best.
    max_drop: training stops when `monitor` gets worse than its best by more
      than this, as in catastrophic overfitting (Wong, Rice and Kolter 2020).
  """

  num_steps: int
  log_every: int
  evaluate_every: int
  monitor: Monitor
  keep_last: int = 2
  max_drop: float = 0.2

  def __post_init__(self):
    for name in ("num_steps", "log_every", "evaluate_every", "keep_last"):
      checks.at_least_one(f"training.{name}", getattr(self, name))
    checks.non_negative("training.max_drop", self.max_drop)


def train(
  task: Task,
  training: Loader,
  validation: Loader,
  plan: LoopConfig,
  key: Key,
  workdir: pathlib.Path,
  title: str = "training",
) -> TrainResult:
  """Trains, or goes on training, the run in `workdir`.

  Checkpoints, `metrics.jsonl` and TensorBoard events go to `workdir`. On one
  device a run that was killed and started again ends with the parameters of one
  that was not, bit for bit: the position in the data and every key are
  functions of the step.

  Args:
    task: what to train.
    training: endless batches.
    validation: one pass for `task.evaluate`.
    plan: how long, how often.
    key: of the whole run.
    workdir: exists; shared by all processes.
    title: for the progress bar.

  Returns:
    How it ended; "interrupted" after SIGINT or SIGTERM, with a checkpoint.

  Raises:
    FloatingPointError: the loss is not finite; the last good checkpoint stays.
    ValueError: the checkpoints in workdir are of another model.
  """
  previous = read_result(workdir)
  if previous is not None:
    return previous
  with contextlib.ExitStack() as opened:
    checkpoints = Checkpoints(
      workdir / "checkpoints", plan.keep_last, plan.monitor
    )
    opened.callback(checkpoints.close)
    state = _start(task, training, checkpoints, key)
    log = Log(workdir, int(state.step))
    opened.callback(log.close)
    run = _Run(task, training, validation, plan, key, checkpoints, log)
    with Progress(title, plan.num_steps, int(state.step)) as bar:
      status, step = run(state, bar)
    checkpoints.wait()
    outcome = TrainResult(status, step, checkpoints.best_step())
    if status != "interrupted" and parallel.is_lead():
      write_result(workdir, outcome)
    return outcome


def dry_run(
  task: Task, training: Loader, validation: Loader, plan: LoopConfig
) -> None:
  """Traces everything that a run will compute, and computes none of it.

  What is wrong with shapes, options or names comes out here, before anything
  is written.

  Raises:
    ValueError: the evaluation does not report what the plan monitors.
  """
  key = jax.eval_shape(lambda: jax.random.key(0))
  indices = next(iter(training.indices(0)))
  batch = jax.eval_shape(training.decode, training.device_data, indices)
  state = jax.eval_shape(task.init, key, batch)
  step = parallel.simulate_step(task.step, 1, training.decode)
  jax.eval_shape(step, state, training.device_data, indices, key)
  indices = next(iter(validation.indices(0)))
  batch = jax.eval_shape(validation.decode, validation.device_data, indices)
  sums = jax.eval_shape(task.evaluate, state, batch, key)
  reported = task.summarize(
    {name: np.full(total.shape, 0.5) for name, (total, _) in sums.items()}
  )
  if (metric := plan.monitor.metric) not in reported:
    raise ValueError(
      f"training.monitor = '{metric}', but the task's evaluation reports "
      f"{', '.join(sorted(reported))}: name one of these."
    )


def _start(
  task: Task, training: Loader, checkpoints: Checkpoints, key: Key
) -> State:
  """The newest checkpoint, or the initial state."""
  first = next(iter(training.indices(0)))
  batch = jax.jit(training.decode)(training.device_data, first)
  template = jax.eval_shape(task.init, key, batch)
  state = checkpoints.restore_latest(template)
  if state is None:
    state = jax.jit(task.init)(key, batch)
  return parallel.replicate(state)


class _Run:
  """What the loop holds on to between steps; the state is passed along."""

  def __init__(self, task, training, validation, plan, key, checkpoints, log):
    self._training, self._validation = training, validation
    self._plan, self._checkpoints, self._log = plan, checkpoints, log
    self._key, self._key_evaluate = jax.random.split(key)
    self._step = parallel.pmap_step(task.step, training.decode)
    self._evaluate = parallel.pmap_evaluate(task.evaluate, validation.decode)
    self._summarize = task.summarize
    self._device_data = parallel.replicate(training.device_data)
    self._held_out = parallel.replicate(validation.device_data)
    self._shown: dict[str, float] = {}

  def __call__(self, state: State, bar: Progress) -> tuple[str, int]:
    plan, step = self._plan, int(state.step)
    stream = self._training.indices(step)
    window = _Window()
    with interrupt() as interrupted:
      while step < plan.num_steps:
        indices = next(stream)
        state, metrics = self._step(
          state, self._device_data, indices, self._key
        )
        step += 1
        rows = num_rows(indices) * parallel.num_processes()
        window.add(step, metrics, rows)
        last = step == plan.num_steps
        due = step % plan.evaluate_every == 0 or last
        record = step % plan.log_every == 0 or due
        # Several processes must agree, which costs a synchronization.
        ask = record or parallel.num_processes() == 1
        stop = ask and parallel.any_process(interrupted())
        if record or stop:
          self._record(window, step, bar)
        if due and not self._evaluate_and_save(state, step, bar):
          return "collapsed", step
        bar.update(step, self._shown)
        if due:
          window.restart_clock()
        if stop and not last:
          self._checkpoints.save(state, {})
          return "interrupted", step
    return "finished", step

  def _record(self, window: "_Window", step: int, bar: Progress) -> None:
    values = window.close()
    if "compile_seconds" in values:
      bar.say(f"step compiled in {values['compile_seconds']:.1f} s")
    self._shown["loss"] = values.get("loss", math.nan)
    self._log.write("train", step, step / self._training.num_steps, values)

  def _evaluate_and_save(self, state: State, step: int, bar: Progress) -> bool:
    """Whether to go on: False where the monitored metric has collapsed."""
    values = self._summarize(
      run_evaluation(
        self._evaluate,
        state,
        self._validation,
        self._held_out,
        jax.random.fold_in(self._key_evaluate, step),
      )
    )
    self._log.write("validation", step, step / self._training.num_steps, values)
    self._shown |= {k: v for k, v in values.items() if k != "loss"}
    monitor = self._plan.monitor
    drop = self._checkpoints.best_score - monitor.score(values)
    if drop > self._plan.max_drop:
      bar.say(
        f"step {step}: {monitor.metric} = {values[monitor.metric]:.4g} is "
        f"worse than its best by {drop:.3g}, as in catastrophic overfitting; "
        "training stops here and the checkpoint of step "
        f"{self._checkpoints.best_step()} stands."
      )
      return False
    self._checkpoints.save(state, values)
    return True


class _Window:
  """The metrics since the last record, left on the device until then."""

  def __init__(self):
    self._metrics: list[tuple[int, Metrics]] = []
    self._compile_seconds: float | None = None
    self.restart_clock()

  def restart_clock(self) -> None:
    self._clock, self._timed_rows = time.monotonic(), 0

  def add(self, step: int, metrics: Metrics, rows: int) -> None:
    self._metrics.append((step, metrics))
    self._timed_rows += rows
    if self._compile_seconds is None:  # the first step of this process
      jax.block_until_ready(metrics)
      self._compile_seconds = time.monotonic() - self._clock
      self.restart_clock()

  def close(self) -> dict[str, float]:
    """Averages, and the speed; empties the window.

    Raises:
      FloatingPointError: some metric of some step is not finite.
    """
    records = jax.device_get(self._metrics)
    total = None
    for step, metrics in records:
      for name, value in masked.result(metrics).items():
        if not math.isfinite(value):
          raise FloatingPointError(
            f"{name} is {value} at step {step}: training stops, and the "
            "checkpoints before it stay. Lower the learning rate, clip "
            "gradients (optimizer.clip_norm) or look at the data of that step."
          )
      total = metrics if total is None else masked.merge(total, metrics)
    values = masked.result(total)
    elapsed = time.monotonic() - self._clock
    if self._timed_rows:
      values["examples_per_second"] = self._timed_rows / elapsed
    if self._compile_seconds:
      values["compile_seconds"] = self._compile_seconds
      self._compile_seconds = 0.0
    self._metrics = []
    self.restart_clock()
    return values
