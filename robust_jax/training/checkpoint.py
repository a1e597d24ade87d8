"""Checkpoints by Orbax: atomic, in the background, the newest and the best."""

import contextlib
import math
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from robust_jax.training.damaged_checkpoint import (
  DamagedError,
  reading,
  reason_of,
  set_aside,
  steps_of_damaged_metrics,
)
from robust_jax.training.monitor import Monitor
from robust_jax.types import PyTree, State

_policies = ocp.checkpoint_managers


class Checkpoints:
  """The checkpoints of one run, under `directory`.

  Args:
    directory: created if missing; shared by all processes of the run.
    keep_last: how many of the newest stay.
    monitor: which checkpoint is the best; it stays as well.
    read_only: only to read them, perhaps while the run goes on: nothing is
      created, and what is being written there is let alone.

  Attributes:
    best_score: the largest `monitor.score` so far, -inf where none was
      measured.
  """

  def __init__(
    self,
    directory: pathlib.Path,
    keep_last: int,
    monitor: Monitor,
    *,
    read_only: bool = False,
  ):
    self._directory = pathlib.Path(directory).absolute()
    self._score = monitor.score
    for step in steps_of_damaged_metrics(self._directory):
      set_aside(self._directory, step, "its metrics are damaged")
    self._manager = ocp.CheckpointManager(
      self._directory,
      item_handlers=ocp.StandardCheckpointHandler(),
      options=ocp.CheckpointManagerOptions(
        read_only=read_only,
        create=not read_only,
        cleanup_tmp_directories=not read_only,
        best_fn=self._score,
        preservation_policy=_policies.AnyPreservationPolicy(
          [
            _policies.LatestN(n=keep_last),
            _policies.BestN(
              n=1,
              get_metric_fn=self._score,
              keep_checkpoints_without_metrics=False,
            ),
          ]
        ),
      ),
    )
    scores = [self._score_at(step) for step in self._manager.all_steps()]
    self.best_score = max(scores, default=-math.inf)

  def save(self, state: State, metrics: Mapping[str, float]) -> None:
    """Writes in the background; only a complete checkpoint gets its name.

    Args:
      state: what training changes.
      metrics: of this state; empty where it was not evaluated.

    Raises:
      FloatingPointError: a parameter is not finite; nothing is written.
      ValueError: this checkpoint or the one before could not be written.
    """
    step = int(state.step)
    if step in self._manager.all_steps():
      return
    # A copy: on CPU the state's buffers are donated to the next step while the
    # background thread still reads.
    whole = jax.tree.map(np.array, jax.device_get(state))
    if not all(np.isfinite(p).all() for p in jax.tree.leaves(whole.params)):
      raise FloatingPointError(f"a parameter is not finite after step {step}.")
    with self._writing():
      # Orbax would wait for ever for a folder that it cannot make.
      with tempfile.TemporaryFile(dir=self._directory):
        pass
      self._manager.save(
        step, args=ocp.args.StandardSave(whole), metrics=dict(metrics)
      )
    # Kept here as well: what is still being written cannot be read back.
    self.best_score = max(self.best_score, self._score(metrics))

  def restore_latest(self, template: State) -> State | None:
    """The newest checkpoint that can be read, or None if there is none.

    One that cannot (cut short by a full disk, say) is set aside, with a warning
    that names it and what is left.

    Raises:
      ValueError: the checkpoint is of another model or optimizer, or one that
        cannot be read cannot be set aside.
    """
    newest = lambda: max(self._manager.all_steps(), default=None)
    return self._first_readable(
      newest, lambda step: self._restore(step, template)
    )

  def restore(self, which: str | int, template: State) -> State:
    """The "best" checkpoint that can be read, the "last" one, or a step's.

    The best is the newest where none was measured. One that cannot be read is
    set aside as in `restore_latest`; the one of a step is refused.

    Raises:
      ValueError: there is no such checkpoint, or it is of another model or
        optimizer.
    """
    if which == "last":
      return self._required(self.restore_latest(template))
    if which == "best":
      read = lambda step: self._restore(step, template)
      return self._required(self._first_readable(self.best_step, read))
    if which not in (known := self.metrics()):
      raise ValueError(
        f"there is no checkpoint of step {which} in {self._directory}: "
        "expected 'best', 'last' or one of "
        f"{', '.join(map(str, known)) or 'none'}."
      )
    try:
      return self._restore(which, template)
    except DamagedError as error:
      raise ValueError(
        f"checkpoint {self._directory / str(which)} cannot be read ({error}): "
        "delete it, or train again."
      ) from error

  def metrics(self) -> dict[int, dict[str, float]]:
    """Step -> metrics of every checkpoint, in order; {} if not measured."""
    self.wait()
    steps = sorted(self._manager.all_steps())
    return {step: dict(self._manager.metrics(step) or {}) for step in steps}

  def best_step(self) -> int | None:
    """The step of the best checkpoint, the newest if none was measured."""
    self.wait()
    steps = self._manager.all_steps()
    return max(steps, key=lambda s: (self._score_at(s), s), default=None)

  def wait(self) -> None:
    """Until everything asked for is on disk.

    Raises:
      ValueError: it cannot be written.
    """
    with self._writing():
      self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits, and lets go of the background threads."""
    with self._writing():
      self._manager.close()

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    """Orbax raises in the next call what happened in the background."""
    try:
      yield
    except Exception as error:
      full = "RESOURCE_EXHAUSTED" in str(error)
      reason = "no space left on device" if full else reason_of(error)
      raise ValueError(
        f"checkpoints cannot be written to {self._directory} ({reason}): "
        "is the disk full, or the folder gone? The same command goes on from "
        "the last one that is whole."
      ) from error

  def _required(self, found: State | None) -> State:
    if found is None:
      raise ValueError(
        f"there is no checkpoint in {self._directory}: train first, or give "
        "the work directory of a finished run."
      )
    return found

  def _first_readable(
    self, pick: Callable[[], int | None], read: Callable[[int], PyTree]
  ) -> PyTree | None:
    """What is picked first and can be read; what cannot is set aside."""
    while (step := pick()) is not None:
      try:
        return read(step)
      except DamagedError as error:
        set_aside(self._directory, step, str(error))
        self._manager.reload()
    return None

  def _score_at(self, step: int) -> float:
    return self._score(self._manager.metrics(step) or {})

  def _restore(self, step: int, template: State) -> State:
    abstract = jax.tree.map(
      lambda leaf: np.empty(leaf.shape, leaf.dtype), template
    )
    with reading():
      saved = self._manager.item_metadata(step)
      if saved is None:
        raise FileNotFoundError("its index is damaged")
    self._refuse_another_model(step, saved, abstract)
    with reading():
      return self._manager.restore(
        step, args=ocp.args.StandardRestore(abstract)
      )

  def _refuse_another_model(self, step, saved, expected) -> None:
    theirs = _shapes(saved)
    ours = _shapes(expected)
    if theirs == ours:
      return
    name = min(theirs.items() ^ ours.items())[0]
    raise ValueError(
      f"checkpoint {self._directory / str(step)} is of another model or "
      f"optimizer: {name} has shape {theirs.get(name, 'none')} there and "
      f"{ours.get(name, 'none')} here. Give the config it was trained with, or "
      "another work directory."
    )


def _shapes(tree: PyTree) -> dict[str, tuple[int, ...]]:
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return {_path(path): tuple(leaf.shape) for path, leaf in leaves}


def _path(path: tuple[Any, ...]) -> str:
  """Keys of dicts, records and tuples alike: a saved tree has only dicts."""
  return ".".join(
    str(getattr(k, "name", getattr(k, "key", getattr(k, "idx", k))))
    for k in path
  )
