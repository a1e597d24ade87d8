"""Flags that have a section name something else, or set an option of it.

A section such as `attack.search` has a field `name`; its other fields are
options of what it names. A config file need not write out those that have
defaults, and knows nothing of those that another name has.
"""

import ast
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict
from ml_collections.config_flags import config_path

from experiments.build import sections


def complete(config: ConfigDict, typed: Mapping[str, str | None]) -> list[str]:
  """Makes room in a config for what flags will set; edits it.

  A section whose `name` is typed loses the options that what it names now does
  not have. An option that it has and the config lacks gets its default.

  Args:
    config: of a file, unlocked.
    typed: path of each field that a flag sets, as in "attack.search.name", and
      the text it is set to; None where there is none.

  Returns:
    A sentence for each section that lost options.

  Raises:
    ValueError: a name is typed that does not exist.
  """
  lost = []
  for path in sorted(typed, key=len):
    *parents, field = config_path.split(path)
    if field == "name" and typed[path] is not None:
      lost += _rename(config, parents, typed[path])
  for path, text in typed.items():
    *parents, field = config_path.split(path)
    section = _section(config, parents)
    if section is not None and field not in section:
      options = options_of(parents, section)
      if field in options:
        section[field] = _stand_in(options[field], text)
  return lost


def options_of(
  path: list[str | int], section: Mapping[str, Any] | ConfigDict
) -> dict[str, Any]:
  """The options that what a section names has, and their defaults.

  Args:
    path: of the section.
    section: with a `name`; without one there are no options.

  Raises:
    ValueError: there is no such thing.
  """
  return sections.options_of(_field(path), section)


def _field(path) -> str:
  """The field that the section stands in, or could stand in alone."""
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
  """Has the section name it; a section that may be there is made."""
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
    f"{where} is {name} now, without the options of {before} that it lacks: "
    f"{', '.join(lost)}."
  ]


def _stand_in(default: Any, text: str | None) -> Any:
  """A value of the option's type, by which the flag is read."""
  plain = bool | int | float | str | tuple
  if isinstance(default, plain):
    return default
  try:
    value = ast.literal_eval(text or "True")
  except (SyntaxError, ValueError):
    return text
  value = tuple(value) if isinstance(value, list) else value
  return value if isinstance(value, plain) else text
