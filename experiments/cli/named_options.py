"""Flags that change the name in a config section, or set its options.

A section such as `attack.search` has a field `name`; its other fields are
options of the member of that name. A config file may omit options that have
defaults, and cannot have those of other members. `data.extra` has no name: its
fields are options of a function, and a config file may omit all of it.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_flags import config_path

from experiments.build import sections
from experiments.build.extra_data import loader_with_extra
from experiments.build.options import own_options
from experiments.cli.fractions import in_decimals

# Path of a section without a name -> its options.
_UNNAMED: dict[tuple[str | int, ...], dict[str, Any]] = {
  ("data", "extra"): own_options(loader_with_extra, called_with=4)
}


def complete(config: ConfigDict, typed: Mapping[str, str | None]) -> list[str]:
  """Adds fields to a config that flags will set; edits the config.

  If a flag changes the `name` of a section, options that the new member does
  not have are removed. Options that flags set and the config lacks are added
  with their defaults.

  Args:
    config: config of a file, unlocked.
    typed: path of each field that a flag sets, such as "attack.search.name" ->
      its text; None without text.

  Returns:
    A sentence for each section from which options were removed.

  Raises:
    ValueError: there is no member of a name.
  """
  lost = []
  for path in sorted(typed, key=len):
    *parents, field = config_path.split(path)
    if field == "name" and typed[path] is not None:
      lost += _rename(config, parents, typed[path])
  for path, text in typed.items():
    *parents, field = config_path.split(path)
    for place in _UNNAMED.keys() & {tuple(parents), (*parents, field)}:
      above = _section(config, place[:-1])
      if above is not None and place[-1] not in above:
        above[place[-1]] = ConfigDict()
    section = _section(config, parents)
    if section is not None and field not in section:
      options = options_of(parents, section)
      if field in options:
        section[field] = _stand_in(options[field], text)
  return lost


def options_of(
  path: list[str | int], section: Mapping[str, Any] | ConfigDict
) -> dict[str, Any]:
  """Returns the options that a section may have, with defaults.

  Args:
    path: path of the section.
    section: a section; its options are those of the member that it names.

  Raises:
    ValueError: there is no such member.
  """
  if tuple(path) in _UNNAMED:
    return _UNNAMED[tuple(path)]
  return sections.options_of(_field(path), section)


def section(parts: Sequence[str]) -> dict[str, Any]:
  """The section that a flag such as `bit_depth,bits=3` describes.

  Args:
    parts: a name, then `option=value` each.

  Raises:
    ValueError: a part has another form.

  Example:
    >>> section(["bit_depth", "bits=3"])
    {'name': 'bit_depth', 'bits': 3}
  """
  name, *options = parts
  found = {"name": name}
  for option in options:
    key, equals, text = option.partition("=")
    if not equals:
      raise ValueError(
        f"'{option}' in '{','.join(parts)}': expected option=value."
      )
    found[key] = _stand_in(None, text)
  return found


def _field(path) -> str:
  """Returns the field of the section; for one of a group, that of each."""
  names = [part for part in path if isinstance(part, str)]
  if len(names) > 1 and names[-2] in sections.GROUPS:
    return sections.GROUPS[names[-2]]
  return names[-1] if names else ""


def _section(config, path) -> ConfigDict | None:
  for field in path:
    is_section = isinstance(config, ConfigDict) and isinstance(field, str)
    if is_section and field not in config:
      return None
    config = config[field]
  return config if isinstance(config, ConfigDict) else None


def _rename(config, path, name) -> list[str]:
  """Changes the name of a section, which is created if it may exist."""
  above, section = _section(config, path[:-1]), _section(config, path)
  if _field(path) not in sections.KINDS or above is None:
    return []
  if section is None:
    above[path[-1]] = ConfigDict()
    section = above[path[-1]]
  before, section["name"] = section.get("name"), name
  if before == name:
    return []
  options = options_of(path, section)
  lost = [n for n in section if n != "name" and n not in options]
  for option in lost:
    del section[option]
  if not lost:
    return []
  where = ".".join(map(str, path))
  return [
    f"{where} is {name} now, which lacks these options of {before}: "
    f"{', '.join(lost)}."
  ]


def _stand_in(default: Any, text: str | None) -> Any:
  """Returns a value of the option's type, by which the flag is parsed."""
  plain = bool | int | float | str | tuple
  if isinstance(default, plain):
    return default
  try:
    value = ast.literal_eval(in_decimals(text or "True"))
  except (SyntaxError, ValueError):
    return text
  value = tuple(value) if isinstance(value, list) else value
  return value if isinstance(value, plain) else text
