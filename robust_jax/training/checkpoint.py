"""Checkpoints of a run, written atomically in the background by Orbax."""

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
  """The checkpoints of one run: the newest ones and the best one.

  Args:
    directory: the folder of the checkpoints, created if missing, shared by all
      processes of the run.
    keep_last: number of newest checkpoints to keep.
    monitor: the metric that ranks checkpoints. The best one is kept too.
    read_only: whether checkpoints are only read, perhaps while the run is still
      going on. Nothing is created then, and unfinished checkpoints are left
      alone.

  Attributes:
    best_score: the largest `monitor.score` so far, -inf if none was measured.
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
    """Writes a checkpoint in the background; it is named when complete.

    Args:
      state: the training State.
      metrics: validation metrics of this State; empty if it was not evaluated.

    Raises:
      FloatingPointError: a parameter is not finite; nothing is written.
      ValueError: this checkpoint or the previous one could not be written.
    """
    step = int(state.step)
    if step in self._manager.all_steps():
      return
    # A copy: on CPU the State's buffers are donated to the next step while the
    # background thread still reads them.
    whole = jax.tree.map(np.array, jax.device_get(state))
    if not all(np.isfinite(p).all() for p in jax.tree.leaves(whole.params)):
      raise FloatingPointError(f"a parameter is not finite after step {step}.")
    with self._writing():
      # Orbax would wait forever for a folder that it cannot create.
      with tempfile.TemporaryFile(dir=self._directory):
        pass
      self._manager.save(
        step, args=ocp.args.StandardSave(whole), metrics=dict(metrics)
      )
    # Tracked here, because an unfinished checkpoint cannot be read back.
    self.best_score = max(self.best_score, self._score(metrics))

  def restore_latest(self, template: State) -> State | None:
    """Restores the newest readable checkpoint; None if there is none.

    A damaged one (truncated by a full disk, for example) is moved out of the
    way, with a warning that names it and the checkpoints left.

    Args:
      template: a State of the expected structure, shapes and dtypes.

    Raises:
      ValueError: the checkpoint is of another model or optimizer, or a damaged
        one cannot be moved.
    """
    newest = lambda: max(self._manager.all_steps(), default=None)
    return self._first_readable(
      newest, lambda step: self._restore(step, template)
    )

  def restore(self, which: str | int, template: State) -> State:
    """Restores the "best" or "last" readable checkpoint, or that of a step.

    Args:
      which: "best" (the newest if none was measured), "last", or a step. Of
        "best" and "last" a damaged one is moved out of the way as in
        `restore_latest`.
      template: a State of the expected structure, shapes and dtypes.

    Raises:
      ValueError: there is no such checkpoint, it is of another model or
        optimizer, or that of the given step is damaged.
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
    """Returns step -> metrics of all checkpoints, {} of those not measured."""
    self.wait()
    steps = sorted(self._manager.all_steps())
    return {step: dict(self._manager.metrics(step) or {}) for step in steps}

  def best_step(self) -> int | None:
    """Returns the best checkpoint's step, or the newest without metrics."""
    self.wait()
    steps = self._manager.all_steps()
    return max(steps, key=lambda s: (self._score_at(s), s), default=None)

  def wait(self) -> None:
    """Waits until all checkpoints are written.

    Raises:
      ValueError: one cannot be written.
    """
    with self._writing():
      self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits, and ends the background threads."""
    with self._writing():
      self._manager.close()

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    """Explains errors of background writes, which Orbax raises later."""
    try:
      yield
    except Exception as error:
      full = "RESOURCE_EXHAUSTED" in str(error)
      reason = "no space left on device" if full else reason_of(error)
      raise ValueError(
        f"checkpoints cannot be written to {self._directory} ({reason}): "
        "is the disk full, or the folder gone? The same command resumes from "
        "the last complete one."
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
    """Reads the first readable pick; damaged ones are moved out of the way."""
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
    theirs, ours = _contents(saved), _contents(expected)
    if theirs == ours:
      return
    name = min(theirs.items() ^ ours.items())[0]
    raise ValueError(
      f"checkpoint {self._directory / str(step)} is of another model or "
      f"optimizer: {name} is {theirs.get(name, 'missing')} there and "
      f"{ours.get(name, 'missing')} here. Give the config it was trained with, "
      "or another work directory."
    )


def _contents(tree: PyTree) -> dict[str, str]:
  """Path -> shape of each leaf, and "empty" for each node without children.

  Orbax does not restore a tree of other nodes, even if its leaves are the same.
  """
  nodes = jax.tree_util.tree_leaves_with_path(tree, is_leaf=_is_empty)
  return {
    _path(path): "empty" if _is_empty(node) else f"of shape {tuple(node.shape)}"
    for path, node in nodes
  }


def _is_empty(node: PyTree) -> bool:
  return not jax.tree.leaves(node, is_leaf=lambda child: child is not node)


def _path(path: tuple[Any, ...]) -> str:
  return "".join(map(_key, path)).removeprefix(".")


def _key(key: Any) -> str:
  """Spells keys of dicts and records alike: a saved tree has only dicts."""
  if isinstance(key, jax.tree_util.SequenceKey):
    return f"[{key.idx}]"
  is_field = isinstance(key, jax.tree_util.GetAttrKey)
  return f".{key.name if is_field else key.key}"
