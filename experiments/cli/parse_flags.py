"""The flags of a command line, and what is wrong with them in one line."""

import difflib
import pathlib
import re
import runpy
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags
from ml_collections import ConfigDict
from ml_collections.config_flags import config_path

from experiments.cli.named_options import complete, options_of
from experiments.cli.run_command import HelpShown
from robust_jax import checks

# Of several processes, the first alone speaks.
_OTHERS = re.compile(r"--processes\b|--process_id=0*[1-9]")
# The project's own configs are found from every directory, as in
# --config=experiments/configs/adversarial/digits_pgd.py.
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_CONFIGS = _ROOT / "experiments" / "configs"


def parse_options(
  options: flags.FlagValues, arguments: Sequence[str] | None, usage: str
) -> flags.FlagValues:
  """Reads the flags of a command of its own, which are its attributes then.

  Args:
    options: the flags that there are. What is given beside flags are further
      values of `--models`, as in `--models A=runs/a B=runs/b`.
    arguments: those of the command line by default.
    usage: what `--help` shows before the flags.

  Raises:
    ValueError, HelpShown: as `parse_flags`; arguments that are no flags.
  """
  argv = sys.argv if arguments is None else ["", *arguments]
  _, *rest = parse_flags(argv, options, usage)
  if "models" in options:
    options.models = [*options.models, *rest]
  elif rest:
    raise ValueError(
      f"unexpected {' '.join(rest)!r}: options are --name=value."
    )
  return options


def parse_flags(
  argv: Sequence[str], values: flags.FlagValues, usage: str
) -> list[str]:
  """Reads the flags, which may stand before and after what else is given.

  Args:
    argv: the program's name, and its arguments.
    values: the flags that there are, which are set.
    usage: what `--help` shows before them.

  Returns:
    The arguments without the flags.

  Raises:
    ValueError: a flag, a config file or a field of it does not exist, or is
      given a value that it cannot have.
    HelpShown: the user asked for it.
  """
  if {"--help", "-h"} & set(argv):
    print(_help(values, usage), flush=True)
    raise HelpShown
  values.set_gnu_getopt(True)
  given = _config_given(argv) if "config" in values else None
  if given is not None:
    config, typed = _load(given), _typed(argv)
    with config.unlocked():
      lost = complete(config, typed)
    for path in typed:
      _refuse_unknown_field(path, config)
    values["config"].parser = _Loaded(config)
    if not any(_OTHERS.match(argument) for argument in argv):
      for sentence in lost:
        print(f"note: {sentence}", file=sys.stderr)
  try:
    rest = values(argv)
    _refuse_bad_values(values)
    return rest
  except flags.Error as error:
    raise ValueError(f"{_reason(error).rstrip('.')}. Try --help.") from error


def _help(values: flags.FlagValues, usage: str) -> str:
  """The usage and the flags of our modules; libraries have some, too."""
  ours = [
    values.module_help(module)
    for module in values.flags_by_module_dict()
    if module == sys.argv[0] or module.startswith("experiments.")
  ]
  return "\n".join([usage, *ours])


def _config_given(argv: Sequence[str]) -> str | None:
  """The value of --config."""
  found = None
  for argument, following in zip(argv, [*argv[1:], None], strict=True):
    if match := re.fullmatch(r"--?config(=(.*))?", argument):
      found = following if match[1] is None else match[2]
  return found


def _typed(argv: Sequence[str]) -> dict[str, str | None]:
  """The path of each field that a flag sets, and the text it is set to."""
  found = {}
  for argument, following in zip(argv, [*argv[1:], None], strict=True):
    if match := re.fullmatch(r"--?(no)?config\.([^=]+)(=(.*))?", argument):
      apart = following if following and following[:2] != "--" else None
      found[match[2]] = apart if match[3] is None else match[4]
  return found


class _Loaded(flags.ArgumentParser):
  """The parser of a --config that has been read already."""

  def __init__(self, config: ConfigDict):
    self._config = config.lock()

  def parse(self, argument: str) -> ConfigDict:
    return self._config


def _load(given: str) -> ConfigDict:
  """The config of a file, by itself, so that errors can name the file."""
  name, colon, argument = given.partition(":")
  file = next(
    (path for path in (pathlib.Path(name), _ROOT / name) if path.is_file()),
    None,
  )
  if file is None:
    raise ValueError(
      f"--config={given}: there is no file '{name}'; {_nearest_file(name)}"
    )
  try:
    make = runpy.run_path(str(file)).get("get_config")
    if make is not None:
      return make(*[argument] if colon else [])
  except ValueError:
    raise
  except Exception as error:
    line = traceback.extract_tb(error.__traceback__)[-1]
    raise ValueError(
      f"--config={given} fails with {type(error).__name__}: {error} "
      f"({line.filename}, line {line.lineno})."
    ) from error
  raise ValueError(
    f"--config={given}: the file has no function get_config, which returns "
    "the config."
  )


def _nearest_file(name: str) -> str:
  files = {file.stem: file for file in sorted(_CONFIGS.rglob("[!_]*.py"))}
  near = difflib.get_close_matches(pathlib.Path(name).stem, files, n=1)
  if not near:
    return "configs are in experiments/configs."
  file = files[near[0]].relative_to(_ROOT)
  return f"did you mean {file}?"


def _refuse_unknown_field(path: str, config: ConfigDict) -> None:
  section: Any = config
  where = "config"
  above: list[str | int] = []
  for field in config_path.split(path):
    if isinstance(field, str):
      if not isinstance(section, Mapping | ConfigDict):
        raise ValueError(
          f"--config.{path}: {where} is {section!r}, which has no fields."
        )
      if field not in section:
        known = list(dict.fromkeys([*section, *options_of(above, section)]))
        raise ValueError(_no_field(path, field, where, known))
    section, where = section[field], f"{where}.{field}"
    above.append(field)


def _no_field(path, field, where, known) -> str:
  near = difflib.get_close_matches(field, known, n=1)
  hint = f"did you mean '{near[0]}'? It has" if near else "it has"
  return (
    f"--config.{path}: {where} has no field '{field}'; {hint} "
    f"{', '.join(known)}."
  )


def _refuse_bad_values(values: flags.FlagValues) -> None:
  """Those that absl lets pass."""
  for name in values:
    flag = values[name]
    if flag.present and flag.value == []:
      raise ValueError(
        f"--{name}=: expected one value at least; leave the flag out for what "
        "holds without it."
      )
    checks.plain_value(f"--{name}", flag.value)


def _reason(error: flags.Error) -> str:
  # The last line is the reason; above it may stand a whole traceback.
  reason = str(error).strip().splitlines()[-1].strip()
  if section := re.match(r"flag --(config\.[\w.]+)=.* as a ConfigDict", reason):
    return (
      f"--{section[1]} is a section: give its fields one by one, as in "
      f"--{section[1]}.name=..."
    )
  return reason
