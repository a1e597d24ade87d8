"""Several processes of one program on this machine."""

import contextlib
import signal
import socket
import subprocess
import sys


def spawn(number: int, arguments: list[str]) -> int:
  """Runs this program `number` times, joined; returns the worst exit status.

  SIGINT and SIGTERM are handed on, so that every process writes its part of the
  checkpoint. When one process fails the others, which would wait for it for
  ever, are ended.

  Args:
    number: of processes.
    arguments: of the command line, which each gets besides its own identity.
  """
  if number < 1:
    raise ValueError(f"--processes {number}: wanted 1 or more.")
  coordinator = f"127.0.0.1:{_free_port()}"
  identity = [f"--coordinator={coordinator}", f"--num-processes={number}"]
  children = [
    subprocess.Popen(
      [
        sys.executable,
        "-m",
        "experiments.main",
        *identity,
        f"--process-id={i}",
        *arguments,
      ],
      # Not the terminal's own Ctrl-C: each would get it twice.
      start_new_session=True,
    )
    for i in range(number)
  ]
  with _handing_on(children):
    return _wait(children)


def _wait(children: list[subprocess.Popen]) -> int:
  status = 0
  running = list(children)
  while running:
    for child in list(running):
      with contextlib.suppress(subprocess.TimeoutExpired):
        code = child.wait(timeout=0.2)
        running.remove(child)
        if code and not status:
          status = code
          for other in running:
            other.terminate()
  return status


@contextlib.contextmanager
def _handing_on(children):
  def hand_on(signum, frame):
    del frame
    for child in children:
      child.send_signal(signum)

  signals = (signal.SIGINT, signal.SIGTERM)
  previous = {s: signal.signal(s, hand_on) for s in signals}
  try:
    yield
  finally:
    for signum, handler in previous.items():
      signal.signal(signum, handler)


def _free_port() -> int:
  with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    return probe.getsockname()[1]
