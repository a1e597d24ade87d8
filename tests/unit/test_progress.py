"""Progress in a terminal is a bar, and lines of text everywhere else."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import time

import pytest

from robust_jax.training import progress
from robust_jax.training.progress import Progress

NUMBERS = {"loss": 1.23, "accuracy": 0.98, "robust_accuracy": 0.5}
LINE = "training  300/300  eta 0:00:00  loss 1.23  clean 98.0%  robust 50.0%"


def show():
  with Progress("training", 300) as bar:
    bar.say("note: begun")
    bar.update(150, NUMBERS)
    bar.update(300, NUMBERS)


@pytest.fixture
def terminal(monkeypatch):
  """(name, columns) -> what a terminal of that kind is sent."""

  def shown(name, columns):
    lead, follow = pty.openpty()
    size = struct.pack("HHHH", 24, columns, 0, 0)
    fcntl.ioctl(follow, termios.TIOCSWINSZ, size)
    monkeypatch.setenv("TERM", name)
    monkeypatch.setenv("COLUMNS", str(columns))
    with os.fdopen(follow, "w") as file, monkeypatch.context() as patched:
      patched.setattr(sys, "stdout", file)
      show()
    text = b""
    while True:
      try:
        found = os.read(lead, 2**16)
      except OSError:  # the end, on Linux
        break
      text += found
    os.close(lead)
    return text.decode()

  return shown


@pytest.mark.parametrize("colors", [None, "1"])
def test_a_file_has_plain_lines_also_where_colors_are_asked_for(
  colors, monkeypatch, capsys
):
  if colors is not None:
    monkeypatch.setenv("FORCE_COLOR", colors)
  show()
  assert capsys.readouterr().out.splitlines() == ["note: begun", LINE]


def test_compilation_before_the_first_update_is_not_in_the_time_left(
  monkeypatch, capsys
):
  monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
  with Progress("training", 3601) as bar:
    time.sleep(1)  # an hour, if it were the time of a step
    bar.update(1)
    bar.update(2)
  first, second = capsys.readouterr().out.splitlines()
  assert first.split() == ["training", "1/3601", "eta", "-:--:--"]
  assert re.search(r" eta 0:[0-4]\d:\d\d", second)


def test_a_terminal_that_cannot_move_its_cursor_has_lines(terminal):
  assert terminal("dumb", 80).splitlines() == ["note: begun", LINE]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_a_narrow_terminal_shows_how_long_it_takes(terminal, columns):
  codes = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
  frames = codes.sub("", terminal("xterm", columns)).replace("\r", "\n")
  *_, last = (line for line in frames.split("\n") if "300/300" in line)
  assert re.search(r"300/300 \d:\d\d:\d\d eta \d:\d\d:\d\d", last)
  assert len(last) <= columns
