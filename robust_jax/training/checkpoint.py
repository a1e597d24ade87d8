"""Checkpoints by Orbax: atomic, in the background, the newest and the best."""

import json
import logging
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from robust_jax import parallel
from robust_jax.types import PyTree, State

_policies = ocp.checkpoint_managers


class Checkpoints:
  """The checkpoints of one run, under `directory`.

  Args:
    directory: created if missing; shared by all processes of the run.
    keep_last: how many of the newest stay.
    best_metric: the metric whose largest value's checkpoint stays as well.

  Attributes:
    best_value: the best metric so far, -inf where none was measured.
  """

  def __init__(self, directory: pathlib.Path, keep_last: int, best_metric: str):
    self._directory = pathlib.Path(directory).absolute()
    self._best_metric = best_metric
    for step in _steps_of_unreadable_metrics(self._directory):
      self._give_up(step, "its metrics are damaged")
    self._manager = ocp.CheckpointManager(
      self._directory,
      item_handlers=ocp.StandardCheckpointHandler(),
      options=ocp.CheckpointManagerOptions(
        cleanup_tmp_directories=True,
        best_fn=self._rank,
        preservation_policy=_policies.AnyPreservationPolicy(
          [
            _policies.LatestN(n=keep_last),
            _policies.BestN(
              n=1,
              get_metric_fn=self._rank,
              keep_checkpoints_without_metrics=False,
            ),
          ]
        ),
      ),
    )
    values = [self._value(step) for step in self._manager.all_steps()]
    self.best_value = max(values, default=-math.inf)

  def save(self, state: State, metrics: Mapping[str, float]) -> None:
    """Writes in the background; only a complete checkpoint gets its name.

    Args:
      state: what training changes.
      metrics: of this state; empty where it was not evaluated.

    Raises:
      FloatingPointError: a parameter is not finite; nothing is written.
    """
    step = int(state.step)
    if step in self._manager.all_steps():
      return
    # A copy: on CPU the state's buffers are donated to the next step while the
    # background thread still reads.
    whole = jax.tree.map(np.array, jax.device_get(state))
    if not all(np.isfinite(p).all() for p in jax.tree.leaves(whole.params)):
      raise FloatingPointError(f"a parameter is not finite after step {step}.")
    self._manager.save(
      step, args=ocp.args.StandardSave(whole), metrics=dict(metrics)
    )
    # Kept here as well: what is still being written cannot be read back.
    self.best_value = max(self.best_value, self._rank(metrics))

  def restore_latest(self, template: State) -> State | None:
    """The newest checkpoint that can be read, or None if there is none.

    One that cannot (cut short by a full disk, say) is set aside, with a warning
    that names it and the one before.

    Raises:
      ValueError: the checkpoint is of another model or optimiser.
    """
    for step in sorted(self._manager.all_steps(), reverse=True):
      try:
        return self._restore(step, template)
      except _UnreadableError as error:
        self._give_up(step, str(error))
        self._manager.reload()
    return None

  def restore_best(self, template: State) -> State:
    """The checkpoint of the best metric; the newest where none was measured.

    Raises:
      ValueError: there is no checkpoint, or it is of another model.
    """
    return self._restore(self._some_best_step(), template)

  def restore(self, step: int, template: State) -> State:
    """The checkpoint of a step, one of `measured`.

    Raises:
      ValueError: it is of another model or optimiser, or cannot be read.
    """
    try:
      return self._restore(step, template)
    except _UnreadableError as error:
      raise ValueError(
        f"checkpoint {self._directory / str(step)} cannot be read ({error}): "
        "delete it, or train again."
      ) from error

  def read_best(self) -> dict[str, PyTree]:
    """The best checkpoint as nested dicts, whatever model it is of.

    Raises:
      ValueError: there is no checkpoint.
    """
    best = self._some_best_step()
    return self._manager.restore(best, args=ocp.args.StandardRestore())

  def measured(self) -> dict[int, dict[str, float]]:
    """Steps of the checkpoints that have metrics, in order, and these."""
    self.wait()
    found = {s: self._manager.metrics(s) for s in self._manager.all_steps()}
    return {step: dict(found[step]) for step in sorted(found) if found[step]}

  def best_step(self) -> int | None:
    """The step of the best checkpoint, the newest if none was measured."""
    self.wait()
    steps = self._manager.all_steps()
    return max(steps, key=lambda s: (self._value(s), s), default=None)

  def wait(self) -> None:
    """Until everything asked for is on disk."""
    self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits, and lets go of the background threads."""
    self._manager.close()

  def _some_best_step(self) -> int:
    best = self.best_step()
    if best is None:
      raise ValueError(
        f"there is no checkpoint in {self._directory}: train first, or give "
        "the work directory of a finished run."
      )
    return best

  def _value(self, step: int) -> float:
    return self._rank(self._manager.metrics(step) or {})

  def _rank(self, metrics: Mapping[str, float]) -> float:
    return metrics.get(self._best_metric, -math.inf)

  def _restore(self, step: int, template: State) -> State:
    abstract = jax.tree.map(
      lambda leaf: np.empty(leaf.shape, leaf.dtype), template
    )
    try:
      saved = self._manager.item_metadata(step)
      if saved is None:
        raise FileNotFoundError("its index is damaged")
      self._refuse_another_model(step, saved, abstract)
      return self._manager.restore(
        step, args=ocp.args.StandardRestore(abstract)
      )
    except _AnotherModelError:
      raise
    except Exception as error:
      # Orbax and TensorStore report a damaged file by whatever their innermost
      # reader raised; no narrower class covers them.
      reason = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
      raise _UnreadableError(reason) from error

  def _refuse_another_model(self, step, saved, wanted) -> None:
    theirs = _shapes(saved)
    ours = _shapes(wanted)
    if theirs == ours:
      return
    name = min(theirs.items() ^ ours.items())[0]
    raise _AnotherModelError(
      f"checkpoint {self._directory / str(step)} is of another model or "
      f"optimiser: {name} has shape {theirs.get(name, 'none')} there and "
      f"{ours.get(name, 'none')} here. Give the config it was trained with, or "
      "another work directory."
    )

  def _give_up(self, step: int, reason: str) -> None:
    """Says so, and puts the checkpoint where it is in nobody's way."""
    damaged = self._directory / str(step)
    older = [s for s in _steps(self._directory) if s < step]
    fallback = self._directory / str(max(older)) if older else "the very start"
    logging.getLogger(__name__).warning(
      "checkpoint %s cannot be read (%s); falling back to %s.",
      damaged,
      reason,
      fallback,
    )
    if parallel.is_lead():
      damaged.rename(self._directory.parent / f"unreadable_checkpoint_{step}")


def _steps(directory: pathlib.Path) -> list[int]:
  if not directory.exists():
    return []
  return [int(p.name) for p in directory.iterdir() if p.name.isdigit()]


def _steps_of_unreadable_metrics(directory: pathlib.Path) -> list[int]:
  """Orbax reads all metrics when it opens, and fails on a damaged one."""
  unreadable = []
  for step in _steps(directory):
    metrics = directory / str(step) / "metrics" / "metrics"
    try:
      json.loads(metrics.read_text(encoding="utf-8"))
    except FileNotFoundError:
      pass  # read by Orbax as not measured
    except ValueError:
      unreadable.append(step)
  return sorted(unreadable, reverse=True)


class _AnotherModelError(ValueError):
  pass


class _UnreadableError(Exception):
  pass


def _shapes(tree: PyTree) -> dict[str, tuple[int, ...]]:
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return {_path(path): tuple(leaf.shape) for path, leaf in leaves}


def _path(path: tuple[Any, ...]) -> str:
  """Keys of dicts, records and tuples alike: a saved tree has only dicts."""
  return ".".join(
    str(getattr(k, "name", getattr(k, "key", getattr(k, "idx", k))))
    for k in path
  )
