"""Flags that several commands have, and flags of several values."""

import math
import re
from collections.abc import Sequence
from typing import Any

from absl import flags
from ml_collections import config_flags

_EXAMPLE = "as in --models A=runs/a B=runs/b"


def define_models(values: flags.FlagValues) -> None:
  """Adds the flag `--models NAME=WORKDIR ...`; see `parse_options`."""
  flags.DEFINE_multi_string(
    "models", [], "NAME=WORKDIR ... of runs.", flag_values=values
  )


def define_study(
  values: flags.FlagValues,
  arguments: Sequence[str] | None,
  config: str,
  max_minutes: str,
) -> None:
  """Adds `--config`, `--seeds` and `--max_minutes` of a study of training.

  Args:
    values: where the flags are defined.
    arguments: the arguments that will be parsed; None for the command line.
    config: what the config is of.
    max_minutes: what happens at the end of that time.
  """
  config_flags.DEFINE_config_file(
    "config",
    None,
    config,
    sys_argv=None if arguments is None else list(arguments),
    flag_values=values,
  )
  flags.mark_flag_as_required("config", flag_values=values)
  meaning = "all of it from each of them, as in 0,1 or 0..4."
  define_numbers("seeds", [0], meaning, values)
  flags.DEFINE_float(
    "max_minutes", math.inf, max_minutes, lower_bound=0.0, flag_values=values
  )


def define_several(
  values: flags.FlagValues,
  name: str,
  default: Sequence[Any],
  item: flags.ArgumentParser,
  meaning: str,
) -> None:
  """Adds a flag of values separated by commas, each parsed by `item`."""
  serializer = flags.CsvListSerializer(",")
  flags.DEFINE(
    _Several(item),
    name,
    list(default),
    meaning,
    flag_values=values,
    serializer=serializer,
  )


def define_numbers(
  name: str,
  default: Sequence[int] | None,
  meaning: str,
  values: flags.FlagValues = flags.FLAGS,
) -> flags.FlagHolder[list[int]]:
  """Adds a flag of whole numbers separated by commas; 0..4 names several."""
  return flags.DEFINE(
    _Numbers(),
    name,
    default,
    meaning,
    flag_values=values,
    serializer=flags.CsvListSerializer(","),
  )


class _Numbers(flags.ListParser):
  def parse(self, argument: str | list) -> list:
    if isinstance(argument, list):
      return argument
    found: list[int] = []
    for text in super().parse(argument):
      match = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
      first, last = (match[1], match[2] or match[1]) if match else (1, 0)
      numbers = range(int(first), int(last) + 1)
      if not numbers:
        raise ValueError(f"'{text}': expected numbers, as in 3 or 0..4,9.")
      found += numbers
    return found


class _Several(flags.ListParser):
  def __init__(self, item: flags.ArgumentParser):
    super().__init__()
    self._item = item

  def parse(self, argument: str | list) -> list:
    return [self._item.parse(one) for one in super().parse(argument)]


def named_sources(texts: Sequence[str]) -> dict[str, str]:
  """Parses the sources of models by name.

  Args:
    texts: texts of the form "NAME=SOURCE", or several of them in one text,
      separated by commas.

  Raises:
    ValueError: there is none, one has no name or source, or two have the same
      name.
  """
  given = [part for text in texts for part in re.split(r",(?=[^,=]+=)", text)]
  if not given:
    raise ValueError(f"there are no models: give some, {_EXAMPLE}.")
  sources: dict[str, str] = {}
  for text in given:
    name, equals, source = (part.strip() for part in text.partition("="))
    if not (name and equals and source):
      raise ValueError(f"model '{text}': expected NAME=SOURCE, {_EXAMPLE}.")
    if name in sources:
      raise ValueError(
        f"two models are called '{name}': expected different names."
      )
    sources[name] = source
  return sources
