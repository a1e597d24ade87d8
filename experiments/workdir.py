"""The work directory of a run: its config, and whose it is."""

import contextlib
import json
import pathlib
from collections.abc import Iterable, Iterator

from ml_collections import ConfigDict

from experiments.imports import refuse_imports
from robust_jax import parallel
from robust_jax.training.checkpoint import Checkpoints
from robust_jax.whole_file import whole_file


def open_run(workdir: pathlib.Path, config: ConfigDict) -> None:
  """Creates the directory, or makes sure that it holds a run of this config.

  The resolved config is saved as `config.json`.

  Raises:
    ValueError: the directory cannot be written, holds a run of another config
      or a link that leads out of it; nothing in it is touched.
  """
  _refuse_links(workdir)
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


def read_config(
  workdir: pathlib.Path, allow_imports: Iterable[str] = ()
) -> ConfigDict:
  """The config of the run in `workdir`, which may be somebody else's.

  Args:
    workdir: of the run.
    allow_imports: modules and packages whose functions the config may name.

  Raises:
    ValueError: there is none, it names a function of another module, or the
      directory has a link that leads out of it.
  """
  _refuse_links(workdir)
  config = _read(workdir)
  refuse_imports(config, allow_imports, workdir / "config.json")
  return config


def _read(workdir):
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
  _refuse_links(workdir)
  plan = _read(workdir).training  # numbers and a metric: nothing is imported
  with contextlib.closing(
    Checkpoints(workdir / "checkpoints", plan.keep_last, plan.watch)
  ) as checkpoints:
    yield checkpoints


def _refuse_links(workdir: pathlib.Path) -> None:
  """Through a link, writing and removing here would happen elsewhere."""
  if not workdir.is_dir():
    return
  home = workdir.resolve()
  for entry in sorted(workdir.iterdir()):
    target = entry.resolve()
    if entry.is_symlink() and not target.is_relative_to(home):
      raise ValueError(
        f"{entry} is a link to {target}, outside the work directory, where "
        "this run would write and remove files: put what it leads to in its "
        "place."
      )


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
