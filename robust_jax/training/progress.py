"""Progress bars with ETA; without a terminal, a line every 15 seconds.

A bar needs a terminal that can move its cursor. In a file, a notebook, a
terminal called "dumb" and continuous integration, also where that asks for
colors (`FORCE_COLOR`), there are lines.
"""

import math
import time
from collections.abc import Mapping

import rich.console
import rich.progress
from rich.table import Column

from robust_jax import parallel

_SECONDS_BETWEEN_LINES = 15.0
_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z")


class Progress:
  """Shows the progress of a run and its latest metrics, in the lead process.

  Args:
    title: title of the bar.
    total: number of steps.
    done: number of steps that are done already.
  """

  def __init__(self, title: str, total: int, done: int = 0):
    self._title, self._total = title, total
    self._console = rich.console.Console(quiet=not parallel.is_lead())
    self._is_live = self._console.is_interactive and _is_terminal(self._console)
    self._last_line = time.monotonic()
    self._first: tuple[float, int] | None = None  # time and step
    self._numbers = ""
    self._bar = rich.progress.Progress(
      rich.progress.TextColumn("{task.description}"),
      rich.progress.BarColumn(bar_width=24),
      rich.progress.MofNCompleteColumn(table_column=_whole()),
      rich.progress.TimeElapsedColumn(table_column=_whole()),
      rich.progress.TextColumn("eta", table_column=_whole(3)),
      rich.progress.TimeRemainingColumn(
        elapsed_when_finished=False, table_column=_whole()
      ),
      rich.progress.TextColumn("{task.fields[numbers]}"),
      console=self._console,
      disable=not self._is_live,
    )
    self._task = self._bar.add_task(
      title, total=total, completed=done, numbers=""
    )

  def __enter__(self) -> "Progress":
    self._bar.start()
    return self

  def __exit__(self, *exception) -> None:
    self._bar.stop()

  def say(self, message: str) -> None:
    """Prints a line above the bar."""
    self._console.print(message, highlight=False, soft_wrap=True)

  def update(self, done: int, numbers: Mapping[str, float] | None = None):
    """Moves to `done` steps; `numbers` replace those shown."""
    if numbers is not None:
      self._numbers = "  ".join(_shown(k, v) for k, v in numbers.items())
    self._bar.update(self._task, completed=done, numbers=self._numbers)
    now = time.monotonic()
    self._first = self._first or (now, done)
    overdue = now - self._last_line > _SECONDS_BETWEEN_LINES
    if not self._is_live and (overdue or done == self._total):
      self._last_line = now
      self.say(
        f"{self._title}  {done}/{self._total}  eta {self._eta(done, now)}  "
        f"{self._numbers}"
      )

  def _eta(self, done: int, now: float) -> str:
    """The time left, from the first update on: compilation is before it."""
    if done == self._total:
      return "0:00:00"
    start, first = self._first or (now, done)
    if done == first:
      return "-:--:--"
    seconds = int((now - start) / (done - first) * (self._total - done))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _is_terminal(console: rich.console.Console) -> bool:
  """Returns whether output is shown as it is written, whatever rich is told."""
  return console.file.isatty() and not console.is_jupyter


def _whole(width: int = 7) -> Column:
  """A column that a narrow terminal does not cut, as it cuts the metrics."""
  return Column(no_wrap=True, min_width=width)


class StageProgress:
  """Shows one progress bar after another, for the stages of a suite.

  Args:
    title: printed before the name of each stage.
  """

  def __init__(self, title: str = ""):
    self._title = title
    self._bar: Progress | None = None
    self._name: str | None = None

  def __enter__(self) -> "StageProgress":
    return self

  def __exit__(self, *exception) -> None:
    if self._bar is not None:
      self._bar.__exit__(*exception)

  def update(self, name: str, done: int, total: int) -> None:
    """Moves to `done` of `total` batches of the stage `name`."""
    if self._bar is None or name != self._name:
      self.__exit__(None, None, None)
      self._bar = Progress(f"{self._title}{name:10}", total).__enter__()
      self._name = name
    self._bar.update(done)


def in_units(value: float, unit: str = "") -> str:
  """Formats a number in units of 1000.

  Args:
    value: the number, 0 or more; NaN if it is not known.
    unit: what it is counted in.

  Example:
    >>> from robust_jax.training.progress import in_units
    >>> in_units(1_067_200_000, "B")
    '1.067 GB'
  """
  if math.isnan(value):
    return "unknown"
  power = 0
  while value >= 999.95 and power < len(_PREFIXES) - 1:
    value, power = value / 1000, power + 1
  return f"{value:.4g} {_PREFIXES[power]}{unit}".strip()


def _shown(name: str, value: float) -> str:
  """Formats an accuracy as percentage, other metrics with 3 digits."""
  if not name.endswith("accuracy"):
    return f"{name} {value:.3g}"
  return f"{name.removesuffix('accuracy').strip('_') or 'clean'} {value:.1%}"
