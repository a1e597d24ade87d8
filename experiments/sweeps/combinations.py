"""The combinations of values that a sweep is over."""

import itertools
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments.cli.parse_flags import parse_flags
from experiments.table_over_seeds import runs_over_seeds

_EXAMPLE = "as in --grid config.optimizer.learning_rate=0.1,0.01"


class Combination(NamedTuple):
  """One choice of a value for each field of the grid.

  Attributes:
    name: name of the folder of its runs, such as "eps=0.1_num_steps=20".
    arguments: the arguments of a command line that make its config.
    config: the config.
  """

  name: str
  arguments: list[str]
  config: ConfigDict


def combinations(
  arguments: Sequence[str], grid: Sequence[str]
) -> list[Combination]:
  """Makes all combinations of the values of a grid.

  Args:
    arguments: those that name the config and set its fields.
    grid: texts "config.FIELD=VALUE,VALUE". Commas in brackets are part of a
      value.

  Returns:
    The combinations, in which the last field changes first; the one of
    `arguments` alone, called "config", if the grid is empty.

  Raises:
    ValueError: a text has another form, a field is given twice, or a field or a
      value of it does not exist.
  """
  fields = _parse(grid)
  named = {text.partition("=")[0].lstrip("-") for text in arguments}
  if "config.seed" in named | set(fields):
    raise ValueError(
      "config.seed is set by --seeds, as in --seeds=0..4: leave it out of "
      "--grid and of the config's flags."
    )
  found: dict[str, Combination] = {}
  for values in itertools.product(*fields.values()):
    chosen = dict(zip(fields, values, strict=True))
    name = _name(chosen)
    if name in found:
      raise ValueError(
        f"--grid has two combinations whose folder would be '{name}': expected "
        "different values."
      )
    setting = [f"--{field}={value}" for field, value in chosen.items()]
    mine = [*arguments, *setting]
    found[name] = Combination(name, mine, _config(mine))
  return list(found.values())


def runs_of(
  swept: Sequence[Combination], seeds: Sequence[int], out: pathlib.Path
) -> Iterator[tuple[dict[str, Any], ConfigDict, pathlib.Path]]:
  """Yields the runs of a sweep, in `OUT/NAME/SEED`; see `runs_over_seeds`."""
  configs = {one.name: one.config for one in swept}
  return runs_over_seeds("combination", configs, seeds, out)


def _parse(grid: Sequence[str]) -> dict[str, list[str]]:
  fields: dict[str, list[str]] = {}
  for text in grid:
    field, _, values = text.lstrip("-").partition("=")
    several = re.split(r",(?![^(\[]*[)\]])", values)
    if not field.startswith("config.") or not all(several):
      raise ValueError(
        f"--grid {text}: expected config.FIELD=VALUE,VALUE, {_EXAMPLE}."
      )
    if field in fields:
      raise ValueError(
        f"--grid has {field} twice: give all its values in one, {_EXAMPLE}."
      )
    fields[field] = several
  return fields


def _name(chosen: Mapping[str, str]) -> str:
  named = [f"{_label(field, chosen)}={chosen[field]}" for field in chosen]
  return re.sub(r"[^\w.+=-]+", "-", "_".join(named)) or "config"


def _label(field: str, fields: Mapping[str, str]) -> str:
  """The shortest end of the path of a field that no other field has."""
  label, *above = reversed(field.removesuffix(".name").split("."))
  for part in above:
    others = [f".{other.removesuffix('.name')}" for other in fields]
    if sum(other.endswith(f".{label}") for other in others) == 1:
      break
    label = f"{part}.{label}"
  return label


def _config(arguments: Sequence[str]) -> ConfigDict:
  """Parses arguments as the command `train` does."""
  values = flags.FlagValues()
  config_flags.DEFINE_config_file(
    "config", None, "", sys_argv=list(arguments), flag_values=values
  )
  parse_flags(["", *arguments], values, "")
  return values["config"].value
