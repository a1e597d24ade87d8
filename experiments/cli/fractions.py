"""Fractions such as 8/255 among the numbers of a command line."""

import re
from collections.abc import Callable, Sequence
from typing import Any

_NUMBER = r"(?:\d+\.?\d*|\.\d+)"
# Not a part of a path, a date or a name.
_FRACTION = re.compile(rf"(?<![\w./])({_NUMBER})/({_NUMBER})(?![\w./])")


def in_decimals(text: str) -> str:
  """Replaces each fraction of a text by a decimal number.

  Args:
    text: the text of a number, or of a tuple or a list of numbers.

  Returns:
    The text, in which 8/255 is written as Python writes the float 8 / 255.

  Raises:
    ValueError: a fraction divides by 0.

  Example:
    >>> from experiments.cli.fractions import in_decimals
    >>> in_decimals("-1/4"), in_decimals("(0, 1/8)")
    ('-0.25', '(0, 0.125)')
  """
  return _FRACTION.sub(_quotient, text)


def fractions_to_decimals(
  argv: Sequence[str], default_of: Callable[[str], Any]
) -> list[str]:
  """Replaces fractions in the values of those flags that take floats.

  Args:
    argv: the arguments of a command line.
    default_of: name of a flag -> a value of the type that it takes, of which
      floats and tuples may be given by fractions; None for unknown flags.

  Returns:
    The arguments.

  Raises:
    ValueError: a fraction divides by 0.
  """
  found, awaits_number = [], False
  for argument in argv:
    flag = re.fullmatch(r"(--?([^=]+)=?)(.*)", argument, flags=re.DOTALL)
    takes_number = isinstance(flag and default_of(flag[2]), float | tuple)
    if awaits_number:
      argument, awaits_number = in_decimals(argument), False
    elif flag and takes_number:
      argument = flag[1] + in_decimals(flag[3])
      awaits_number = flag[1][-1] != "="
    found.append(argument)
  return found


def _quotient(found: re.Match[str]) -> str:
  if not float(found[2]):
    raise ValueError(f"{found[0]}: expected a fraction that is finite.")
  return repr(float(found[1]) / float(found[2]))
