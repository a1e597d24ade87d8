"""The work directory of a run: its config, and whose it is."""

import contextlib
import json
import pathlib
from collections.abc import Iterator

from ml_collections import ConfigDict

from robust_jax import parallel
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.whole_file import whole_file


def open_run(workdir: pathlib.Path, config: ConfigDict) -> None:
  """Creates the directory, or makes sure that it holds a run of this config.

  The resolved config is saved as `config.json`.

  Raises:
    ValueError: the directory cannot be written, or holds a run of another
      config; nothing in it is touched.
  """
  path = workdir / "config.json"
  if path.exists():
    _refuse_another(path, config)
    return
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    if parallel.is_lead():
      with whole_file(path) as new:
        new.write_text(config.to_json(indent=2) + "\n", encoding="utf-8")
  except OSError as error:
    raise ValueError(
      f"work directory {workdir} cannot be written ({error.strerror}): give "
      "another --workdir."
    ) from error


def read_config(workdir: pathlib.Path) -> ConfigDict:
  """The config of the run in `workdir`.

  Raises:
    ValueError: there is none.
  """
  path = workdir / "config.json"
  if not path.exists():
    raise ValueError(
      f"{workdir} holds no run (no config.json): give the --workdir of one."
    )
  return ConfigDict(json.loads(path.read_text(encoding="utf-8")))


@contextlib.contextmanager
def open_checkpoints(workdir: pathlib.Path) -> Iterator[Checkpoints]:
  """The checkpoints of the run in `workdir`, closed on the way out.

  Raises:
    ValueError: there is no run.
  """
  plan = read_config(workdir).training
  with contextlib.closing(
    Checkpoints(workdir / "checkpoints", plan.keep_last, plan.watch)
  ) as checkpoints:
    yield checkpoints


def _refuse_another(path: pathlib.Path, config: ConfigDict) -> None:
  theirs = _flat(json.loads(path.read_text(encoding="utf-8")))
  ours = _flat(json.loads(config.to_json()))
  differing = sorted(
    name
    for name in theirs | ours
    if theirs.get(name, "absent") != ours.get(name, "absent")
  )
  if differing:
    lines = [
      f"  {name}: {theirs.get(name, 'absent')} there, "
      f"{ours.get(name, 'absent')} here"
      for name in differing
    ]
    raise ValueError(
      f"{path.parent} holds a run of another config:\n"
      + "\n".join(lines)
      + "\nGive another --workdir, or the same config to go on with that run."
    )


def _flat(tree, prefix=""):
  if not isinstance(tree, dict):
    return {prefix.rstrip("."): tree}
  return {
    name: value
    for key, part in tree.items()
    for name, value in _flat(part, f"{prefix}{key}.").items()
  }
