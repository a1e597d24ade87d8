"""A copy of a run's log at Weights & Biases, where it is asked for."""

import importlib
import os
import pathlib
import secrets
from typing import Any

from robust_jax.files import atomic_write, read_json

_VARIABLE = "ROBUST_JAX_WANDB"


def open_wandb_run(workdir: pathlib.Path) -> Any | None:
  """Opens a run at Weights & Biases; None if it is not asked for.

  It is asked for by the environment variable ROBUST_JAX_WANDB, the name of a
  project, and has the run's config. Its id is kept in `wandb_id.txt`, so that a
  run which is resumed continues there as well. Other settings are those of the
  package, such as WANDB_MODE=offline.

  Args:
    workdir: the folder of the run.

  Returns:
    An object with `log` and `finish`. Metrics are shown over their value
    "step", since steps after the last checkpoint of a killed run come again.

  Raises:
    ValueError: it is asked for, and the package `wandb` is not installed.
  """
  project = os.environ.get(_VARIABLE)
  if not project:
    return None
  try:
    wandb = importlib.import_module("wandb")
  except ImportError:
    raise ValueError(
      f"{_VARIABLE}={project}: the package wandb is not installed: run "
      "`pip install wandb` in this environment, or unset the variable."
    ) from None
  config = workdir / "config.json"
  run = wandb.init(
    project=project,
    id=_id(workdir / "wandb_id.txt"),
    resume="allow",
    name="/".join(workdir.absolute().parts[-2:]),
    dir=workdir,
    config=read_json(config, "Remove it.") if config.exists() else None,
    settings=wandb.Settings(silent=True, console="off"),
  )
  run.define_metric("*", step_metric="step")
  return run


def _id(path) -> str:
  if not path.exists():
    with atomic_write(path) as new:
      new.write_text(secrets.token_hex(8), encoding="utf-8")
  return path.read_text(encoding="utf-8")
