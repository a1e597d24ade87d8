"""Options of a member: its keyword arguments, and calls of it with them."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

REQUIRED = inspect.Parameter.empty
"""Default of an option that has none."""

_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def own_options(
  make: Callable[..., Any], called_with: int = 0
) -> dict[str, Any]:
  """Returns the options of a member, with defaults if they have one.

  The option of a perturbation set, `pset`, is the section `set`.

  Args:
    make: the member.
    called_with: number of arguments that precede the options.
  """
  parameters = list(inspect.signature(make).parameters.values())
  return {
    "set" if one.name == "pset" else one.name: one.default
    for one in parameters[called_with:]
    # Every linen module has the fields parent and name.
    if one.name not in ("parent", "name") and one.kind not in _REST
  }


def call(make: Callable[..., Any], *args: Any, **options: Any) -> Any:
  """Calls `make(*args, **options)`, with clear errors for invalid options.

  Raises:
    ValueError: an option is unknown, missing or of the wrong type.
  """
  check_options(make, options, len(args))
  try:
    return make(*args, **options)
  except TypeError as error:
    given = ", ".join(f"{name}={value!r}" for name, value in options.items())
    raise ValueError(f"{make.__name__}({given}): {error}") from error


def check_options(
  make: Callable[..., Any], options: Mapping[str, Any], called_with: int = 0
) -> None:
  """Checks that `make` has the options, and that none is missing.

  Args:
    make: the member that a section names.
    options: options of the section.
    called_with: number of arguments that precede the options.

  Raises:
    ValueError: an option is unknown (the nearest name is given) or missing.
  """
  known = own_options(make, called_with)
  takes = f"takes {', '.join(known) or 'none'}."
  given = ["set" if name == "pset" else name for name in options]
  for name in given:
    if name not in known:
      near = difflib.get_close_matches(name, known, n=1)
      hint = f"did you mean '{near[0]}'? It" if near else "it"
      raise ValueError(
        f"{make.__name__} has no option '{name}'; {hint} {takes}"
      )
  for name, default in known.items():
    if default is REQUIRED and name not in given:
      raise ValueError(f"{make.__name__} needs the option '{name}'; it {takes}")
