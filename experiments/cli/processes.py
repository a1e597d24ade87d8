"""Several processes of one program on this machine: `--processes`."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

from experiments.cli.run_command import ERROR, INTERRUPTED

_MODULE = ("-m", "experiments.main")
_POLL_SECONDS = 0.2
# Seconds that processes have to end: after the loss of another one they can do
# nothing, after an interrupt they may be writing a checkpoint.
_GRACE, _LONG_GRACE = 10.0, 60.0
# Executes the program after the parent's id. It is killed when the parent ends:
# 1 is PR_SET_PDEATHSIG of Linux, which persists through exec.
_CHILD = """
import ctypes, os, sys
parent, *program = sys.argv[1:]
if sys.platform == "linux":
  ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(parent):
  sys.exit(2)
os.execv(program[0], program)
"""


def spawn(
  number: int, arguments: list[str], program: Sequence[str] = _MODULE
) -> int:
  """Runs this program as several joined processes.

  SIGINT and SIGTERM are passed to all processes, so that each writes its part
  of the checkpoint; the second signal kills them. When a process ends with an
  error it is reported, and the others, which would wait for it forever, are
  ended by SIGTERM, and ten seconds later by SIGKILL. They are killed when this
  process ends.

  Args:
    number: of processes.
    arguments: of the command line, which each gets, but for `--processes`,
      besides its own identity.
    program: what each runs, as the interpreter takes it.

  Returns:
    That of the first process that ended with another one than 0; 2 where a
    signal ended it.
  """
  if number < 1:
    raise ValueError(f"--processes {number}: expected 1 or more.")
  coordinator = f"127.0.0.1:{_free_port()}"
  identity = [f"--coordinator={coordinator}", f"--num_processes={number}"]
  own = (sys.executable, "-S", "-c", _CHILD, str(os.getpid()), sys.executable)
  children = [
    subprocess.Popen(
      [*own, *program, *identity, f"--process_id={i}", *_others(arguments)],
      # Not the terminal's own Ctrl-C: each would get it twice.
      start_new_session=True,
    )
    for i in range(number)
  ]
  try:
    with _pass_signals(children):
      return _wait(children)
  finally:
    for child in children:
      child.kill()
      child.wait()


def _wait(children: list[subprocess.Popen]) -> int:
  status, deadline = 0, float("inf")
  running = dict(enumerate(children))
  while running:
    time.sleep(_POLL_SECONDS)
    for i, child in list(running.items()):
      if _was_stopped(child):
        _say(
          f"process {i} of {len(children)} is stopped, and the others wait for "
          f"it: `kill -CONT {child.pid}` resumes it."
        )
      code = child.poll()
      if code is None:
        continue
      del running[i]
      if code and not status:
        status = code if code > 0 else ERROR
        deadline = time.monotonic() + _grace(status)
        if status != INTERRUPTED:
          _say(f"process {i} of {len(children)} {_how(code)}: ending all.")
          _signal(running.values(), signal.SIGTERM)
    if time.monotonic() > deadline:
      _signal(running.values(), signal.SIGKILL)
  return status


def _was_stopped(child: subprocess.Popen) -> bool:
  """Returns whether it was stopped since the last call."""
  with contextlib.suppress(ChildProcessError):  # it has ended
    how = os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOHANG)
    return how is not None
  return False


def _grace(status: int) -> float:
  """Returns the seconds that the other processes have to end."""
  return _LONG_GRACE if status == INTERRUPTED else _GRACE


def _how(code: int) -> str:
  if code > 0:
    return f"ended with exit status {code}"
  return f"was ended by {signal.Signals(-code).name}"


def _say(text: str) -> None:
  print(f"--processes: {text}", file=sys.stderr, flush=True)


def _signal(children: Iterable[subprocess.Popen], signum: int) -> None:
  for child in children:
    child.send_signal(signum)


@contextlib.contextmanager
def _pass_signals(children: list[subprocess.Popen]) -> Iterator[None]:
  received: list[int] = []

  def pass_on(signum, frame):
    del frame
    _signal(children, signal.SIGKILL if received else signum)
    received.append(signum)

  signals = (signal.SIGINT, signal.SIGTERM)
  previous = {s: signal.signal(s, pass_on) for s in signals}
  try:
    yield
  finally:
    for signum, handler in previous.items():
      signal.signal(signum, handler)


def _free_port() -> int:
  with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    return probe.getsockname()[1]


def _others(arguments: Sequence[str]) -> list[str]:
  """All but `--processes`, which may be followed by its value."""
  kept, skip = [], False
  for argument in arguments:
    name = argument.lstrip("-")
    if skip or name.startswith("processes="):
      skip = False
    elif name == "processes" and argument.startswith("-"):
      skip = True
    else:
      kept.append(argument)
  return kept
