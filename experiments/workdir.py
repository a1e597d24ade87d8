"""Work directories of runs: their config, origin and checkpoints."""

import contextlib
import json
import pathlib
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from experiments.build.check_config import check_config
from experiments.build.imports import refuse_imports
from experiments.build.loop_config import monitor
from experiments.cli import output
from robust_jax import fingerprint, parallel
from robust_jax.files import atomic_write, read_json
from robust_jax.training.checkpoint import Checkpoints

EMPTY: Mapping[str, str] = types.MappingProxyType({})
_REMEDY = "Restore the file, or give another --workdir."


def open_run(
  workdir: pathlib.Path, config: ConfigDict, origin: Mapping[str, str] = EMPTY
) -> None:
  """Creates the work directory of a run, or checks that it holds this run.

  The resolved config is saved as `config.json`, the origin as `origin.json`.

  Args:
    workdir: the work directory.
    config: config of the run.
    origin: see `experiments.origin`; empty if nothing is trained.

  Raises:
    ValueError: the directory cannot be written, holds another run, or contains
      a link that leads out of it. Nothing in it is changed.
  """
  _refuse_links(workdir)
  path = workdir / "config.json"
  if path.exists():
    refuse_another(workdir, config, origin)
    return
  output.writable(workdir, "--workdir")
  if parallel.is_lead():
    if origin:
      _write(workdir / "origin.json", json.dumps(dict(origin), indent=2))
    _write(path, config.to_json(indent=2))


def refuse_another(
  workdir: pathlib.Path, config: ConfigDict, origin: Mapping[str, str] = EMPTY
) -> None:
  """Checks that the directory holds this run.

  Raises:
    ValueError: it holds no run, or one of another config or of another origin
      (which is not checked if there is no `origin.json`).
  """
  _refuse_another_config(workdir, config)
  path = workdir / "origin.json"
  if origin and path.exists():
    fingerprint.refuse_other(
      read_json(path, _REMEDY),
      origin,
      f"work directory {workdir}",
      "Give another --workdir, or the data and the warm start of that run.",
    )


def _write(path, text):
  with atomic_write(path) as new:
    new.write_text(text + "\n", encoding="utf-8")


def read_config(
  workdir: pathlib.Path, allow_imports: Iterable[str] = ()
) -> ConfigDict:
  """Reads the config of a run, which may be written by somebody else.

  Args:
    workdir: work directory of the run.
    allow_imports: modules and packages whose functions the config may name.

  Raises:
    ValueError: there is no config, it is invalid or names a function of another
      module, or the directory contains a link that leads out of it.
  """
  _refuse_links(workdir)
  config = read_values(workdir)
  refuse_imports(config, allow_imports, workdir / "config.json")
  return config


def read_values(workdir: pathlib.Path) -> ConfigDict:
  """Reads the config of a run as plain values, of which no name is looked up.

  Raises:
    ValueError: there is no config, or it is invalid.
  """
  path = workdir / "config.json"
  if not path.exists():
    raise ValueError(
      f"{workdir} holds no run (no config.json): give the --workdir of one."
    )
  try:
    config = ConfigDict(read_json(path, _REMEDY))
    check_config(config)
  except (ValueError, TypeError) as error:
    raise ValueError(f"{path} is not the config of a run: {error}") from error
  return config


@contextlib.contextmanager
def open_checkpoints(workdir: pathlib.Path) -> Iterator[Checkpoints]:
  """Opens the checkpoints of a run for reading, and closes them at the end.

  Raises:
    ValueError: there is no run.
  """
  _refuse_links(workdir)
  # Of an untrusted config only numbers and a metric are used.
  training = read_values(workdir).training
  with contextlib.closing(
    Checkpoints(
      workdir / "checkpoints",
      training.keep_last,
      monitor(training),
      read_only=True,
    )
  ) as checkpoints:
    yield checkpoints


def _refuse_links(workdir: pathlib.Path) -> None:
  """Refuses links, through which files elsewhere would be changed."""
  if not workdir.is_dir():
    return
  home = workdir.resolve()
  for entry in sorted(workdir.iterdir()):
    target = entry.resolve()
    if entry.is_symlink() and not target.is_relative_to(home):
      raise ValueError(
        f"{entry} is a link to {target}, outside the work directory, where "
        "this run would write and remove files: replace it by its target."
      )


def differences(
  one: ConfigDict, other: ConfigDict
) -> dict[str, tuple[Any, Any]]:
  """Returns the fields in which two configs differ, with both values.

  Fields are named as on the command line, without the leading "config."; a
  value is "absent" where a config has no such field.

  Example:
    >>> from ml_collections import ConfigDict
    >>> from experiments.workdir import differences
    >>> differences(ConfigDict({"a": {"b": 1}}), ConfigDict({"a": {"b": 2}}))
    {'a.b': (1, 2)}
  """
  first, second = fields(one), fields(other)
  pairs = {
    name: (first.get(name, "absent"), second.get(name, "absent"))
    for name in sorted(first | second)
  }
  return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def fields(config: ConfigDict) -> dict[str, Any]:
  """Returns all fields of a config by their path, as values of JSON."""
  return _flat(json.loads(config.to_json()))


def _refuse_another_config(workdir: pathlib.Path, config: ConfigDict) -> None:
  if differing := differences(read_values(workdir), config):
    lines = [
      f"  {name}: {theirs} there, {ours} here"
      for name, (theirs, ours) in differing.items()
    ]
    raise ValueError(
      f"{workdir} holds a run of another config:\n"
      + "\n".join(lines)
      + "\nGive another --workdir, or the same config to resume that run."
    )


def _flat(tree, prefix=""):
  if not isinstance(tree, dict):
    return {prefix.rstrip("."): tree}
  return {
    name: value
    for key, part in tree.items()
    for name, value in _flat(part, f"{prefix}{key}.").items()
  }
