"""Parsing of command line flags, with errors in one line."""

import difflib
import pathlib
import re
import runpy
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, cast

from absl import flags
from ml_collections import ConfigDict
from ml_collections.config_flags import config_path

from experiments.cli.fractions import fractions_to_decimals
from experiments.cli.named_options import complete, options_of
from experiments.cli.run_command import HelpShown
from robust_jax import checks

# Of several processes, only the first one prints notes.
_OTHERS = re.compile(r"--processes\b|--process_id=0*[1-9]")
# The project's own configs are found from any working directory, as in
# --config=experiments/configs/adversarial/digits_pgd.py.
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_CONFIGS = _ROOT / "experiments" / "configs"


def parse_options(
  options: flags.FlagValues, arguments: Sequence[str] | None, usage: str
) -> flags.FlagValues:
  """Parses the flags of a stand-alone command, into attributes of `options`.

  Args:
    options: the known flags. Arguments that are not flags are further values of
      `--models`, as in `--models A=runs/a B=runs/b`.
    arguments: the arguments; None for those of the command line.
    usage: text that `--help` prints before the flags.

  Returns:
    `options`.

  Raises:
    ValueError: as in `parse_flags`, or there are other arguments.
    HelpShown: the user asked for help.
  """
  argv = sys.argv if arguments is None else ["", *arguments]
  _, *rest = parse_flags(argv, options, usage)
  if "models" in options:
    cast(Any, options).models = [*options.models, *rest]
  elif rest:
    raise ValueError(
      f"unexpected {' '.join(rest)!r}: options are --name=value."
    )
  return options


def parse_flags(
  argv: Sequence[str], values: flags.FlagValues, usage: str
) -> list[str]:
  """Parses flags, which may be anywhere among the arguments.

  Args:
    argv: the program's name and its arguments.
    values: the known flags, which are set.
    usage: text that `--help` prints before the flags.

  Returns:
    The arguments that are not flags.

  Raises:
    ValueError: a flag, a config file or a field of it does not exist or has an
      invalid value.
    HelpShown: the user asked for help.
  """
  if {"--help", "-h"} & set(argv):
    print(_help(values, usage), flush=True)
    raise HelpShown
  values.set_gnu_getopt(True)
  config = None
  given = _config_given(argv) if "config" in values else None
  if given is not None:
    config, typed = load_config(given), _typed(argv)
    with config.unlocked():
      lost = complete(config, typed)
    for path in typed:
      _refuse_unknown_field(path, config)
    values["config"].parser = _Loaded(config)
    if not any(_OTHERS.match(argument) for argument in argv):
      for sentence in lost:
        print(f"note: {sentence}", file=sys.stderr)
  argv = fractions_to_decimals(
    argv, lambda name: _default_of(name, values, config)
  )
  try:
    rest = values(argv)
    _refuse_bad_values(values)
    return rest
  except flags.Error as error:
    raise ValueError(f"{_reason(error).rstrip('.')}. Try --help.") from error


def _help(values: flags.FlagValues, usage: str) -> str:
  """Formats the usage and the flags of this project's modules."""
  ours = [
    values.module_help(module)
    for module in values.flags_by_module_dict()
    if module == sys.argv[0] or module.startswith("experiments.")
  ]
  return "\n".join([usage, *ours])


def _config_given(argv: Sequence[str]) -> str | None:
  """Returns the value of --config."""
  found = None
  for argument, following in zip(argv, [*argv[1:], None], strict=True):
    if match := re.fullmatch(r"--?config(=(.*))?", argument):
      found = following if match[1] is None else match[2]
  return found


def config_arguments(argv: Sequence[str]) -> list[str]:
  """Returns those arguments that name the config or set a field of it.

  Example:
    >>> from experiments.cli.parse_flags import config_arguments
    >>> config_arguments(["sweep", "--config=a.py", "--out=b", "--config.c=3"])
    ['--config=a.py', '--config.c=3']
  """
  found = []
  for argument, following in zip(argv, [*argv[1:], None], strict=True):
    if match := re.fullmatch(r"--?(no)?config(\.[^=]+)?(=.*)?", argument):
      found.append(argument)
      if match[3] is None and following and following[:2] != "--":
        found.append(following)
  return found


def _typed(argv: Sequence[str]) -> dict[str, str | None]:
  """Returns the path of each config field that a flag sets, and its text."""
  found = {}
  for argument, following in zip(argv, [*argv[1:], None], strict=True):
    if match := re.fullmatch(r"--?(no)?config\.([^=]+)(=(.*))?", argument):
      apart = following if following and following[:2] != "--" else None
      found[match[2]] = apart if match[3] is None else match[4]
  return found


def _default_of(
  name: str, values: flags.FlagValues, config: ConfigDict | None
) -> Any:
  """Returns a value of the type that a flag takes, None if that is unknown."""
  if name.startswith("config."):
    return config and config_path.get_value(name.partition(".")[2], config)
  takes_float = name in values and isinstance(
    values[name].parser, flags.FloatParser
  )
  return 0.0 if takes_float else None


class _Loaded(flags.ArgumentParser):
  """The parser of a --config that has been loaded already."""

  def __init__(self, config: ConfigDict):
    self._config = config.lock()

  def parse(self, argument: str) -> ConfigDict:
    return self._config


def load_config(given: str) -> ConfigDict:
  """Loads the config of a file.

  Args:
    given: value of `--config`: a file, and after a colon its argument.

  Raises:
    ValueError: there is no such file, or it makes no config.
  """
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
  """Refuses invalid values that absl accepts."""
  for name in values:
    flag = values[name]
    if flag.present and flag.value == []:
      raise ValueError(
        f"--{name}=: expected one value or more; leave the flag out for its "
        "default."
      )
    checks.plain_value(f"--{name}", flag.value)


def _reason(error: flags.Error) -> str:
  # The last line is the reason, perhaps after a whole traceback.
  reason = str(error).strip().splitlines()[-1].strip()
  if section := re.match(r"flag --(config\.[\w.]+)=.* as a ConfigDict", reason):
    return (
      f"--{section[1]} is a section: give its fields one by one, as in "
      f"--{section[1]}.name=..."
    )
  return reason
