"""A rendezvous of processes before `jax.distributed` is initialized.

Process 0 listens at HOST:PORT until all others have connected and told their
ids. Then all initialize `jax.distributed`, which uses the same port. Without
the rendezvous that library waits silently and ends the interpreter if a process
is missing.
"""

import contextlib
import os
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

_HELLO = "robust_jax"
_QUIET_SECONDS = 5.0
_RETRY_SECONDS = 0.5
_LONGEST_LINE = 200


class Address(NamedTuple):
  """The address of process 0."""

  host: str
  port: int

  def __str__(self) -> str:
    return f"{self.host}:{self.port}"


def address(text: str) -> Address:
  """Parses HOST:PORT, as in 10.0.0.1:1234.

  Raises:
    ValueError: there is no host, or no port from 1 to 65535.

  Example:
    >>> from robust_jax.distributed import _rendezvous
    >>> _rendezvous.address("10.0.0.1:1234")
    Address(host='10.0.0.1', port=1234)
  """
  host, _, port = text.rpartition(":")
  if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
    raise ValueError(
      f"coordinator '{text}': expected HOST:PORT of process 0, with a port "
      "from 1 to 65535 that is free there, as in 10.0.0.1:1234."
    )
  return Address(host, int(port))


def meet(
  where: Address, num_processes: int, process_id: int, timeout: float
) -> None:
  """Waits until all processes have joined, and prints which are missing.

  Args:
    where: address of process 0.
    num_processes: number of processes.
    process_id: id of this process, from 0.
    timeout: maximum time to wait, in seconds.

  Raises:
    ValueError: the port is taken, a process is missing after `timeout`, two
      processes have the same id or different numbers of processes, or another
      program answers at the address.
  """
  waiting = _Waiting(where, num_processes, timeout)
  if process_id == 0:
    _host(where, num_processes, waiting)
  else:
    _visit(where, num_processes, process_id, waiting)


class _Waiting:
  """The time that is left, and the messages about it."""

  def __init__(self, where: Address, num_processes: int, timeout: float):
    self._where, self._num_processes = where, num_processes
    self._timeout = timeout
    self._started, self._said = time.monotonic(), ""

  @property
  def left(self) -> float:
    return self._timeout - (time.monotonic() - self._started)

  def note(self, progress: str) -> None:
    """Prints the progress after a while, and again when it changes.

    Raises:
      ValueError: the time is over.
    """
    text = f"{self._where} ({progress})"
    if self.left <= 0:
      raise ValueError(
        f"waited {self._timeout:g} s for {text}. Start the same command in all "
        f"{self._num_processes} processes, --process_id from 0 to "
        f"{self._num_processes - 1}, with the address of process 0 as "
        "--coordinator; --coordinator_timeout gives them more seconds."
      )
    lasted = time.monotonic() - self._started >= _QUIET_SECONDS
    if lasted and text != self._said:
      print(f"waiting for {text}", file=sys.stderr, flush=True)
      self._said = text


def _host(where, num_processes, waiting):
  joined: dict[int, socket.socket] = {}
  try:
    with _listening(where) as server:
      _gather(server, num_processes, joined, waiting)
    # The server is closed, so the port is free for jax.
    _tell(joined, "go")
    for peer in joined.values():
      with contextlib.suppress(OSError):
        peer.recv(1)  # the side that closes first would keep the port busy
  finally:
    for peer in joined.values():
      peer.close()


def _gather(server, num_processes, joined, waiting):
  with selectors.DefaultSelector() as selector:
    selector.register(server, selectors.EVENT_READ)
    while len(joined) < num_processes - 1:
      missing = [str(i) for i in range(1, num_processes) if i not in joined]
      progress = f"{len(joined) + 1} of {num_processes} joined"
      waiting.note(f"{progress}; missing: {', '.join(missing)}")
      for key, _ in selector.select(_RETRY_SECONDS):
        if key.fileobj is server:
          _welcome(server, num_processes, joined, selector)
        else:  # peers write once, so this one has left, and may come back
          selector.unregister(key.fileobj)
          joined.pop(key.data).close()
        _tell(joined, f"{len(joined) + 1} of {num_processes} joined")


def _welcome(server, num_processes, joined, selector):
  peer, _ = server.accept()
  peer.settimeout(2.0)
  try:
    line = next(_lines(peer), None) or ""
    word, *numbers = line.split()
    process_id, theirs = map(int, numbers)
    if word != _HELLO or not 1 <= process_id < theirs:
      raise ValueError(line)
  except (OSError, ValueError):  # another program: a scanner, a browser
    peer.close()
    return
  refused = ""
  if theirs != num_processes:
    refused = f"process 0 was started as one of {num_processes} processes"
  elif process_id in joined:
    refused = f"another process {process_id} has joined already"
  if refused:
    with contextlib.suppress(OSError), peer:
      peer.sendall(f"refused {refused}\n".encode())
    return
  joined[process_id] = peer
  selector.register(peer, selectors.EVENT_READ, process_id)


def _tell(joined, line):
  for peer in joined.values():
    with contextlib.suppress(OSError):  # a closed connection shows on reading
      peer.sendall(f"{line}\n".encode())


def _visit(where, num_processes, process_id, waiting):
  reason = "nothing listens there"
  while True:
    waiting.note(f"{reason}; this is process {process_id}")
    try:
      peer = socket.create_connection(
        (where.host.strip("[]"), where.port), min(5.0, max(waiting.left, 0.1))
      )
    except OSError as error:
      reason = (error.strerror or str(error)).lower()
      time.sleep(_RETRY_SECONDS)
      continue
    with contextlib.suppress(OSError), peer:
      peer.sendall(f"{_HELLO} {process_id} {num_processes}\n".encode())
      if _told_to_go(peer, where, process_id, waiting):
        return
    reason = "process 0 has left"
    time.sleep(_RETRY_SECONDS)


def _told_to_go(peer, where, process_id, waiting) -> bool:
  peer.settimeout(_RETRY_SECONDS)
  progress = "connected"
  for line in _lines(peer):
    if line is None:
      waiting.note(progress)
      continue
    kind, _, rest = line.partition(" ")
    if line == "go":
      return True
    if kind == "refused":
      raise ValueError(
        f"process {process_id} was refused at {where}: {rest}. Give every "
        "process the same --num_processes and a --process_id of its own."
      )
    if not line.endswith(" joined"):
      raise ValueError(
        f"another program answers at {where}, not process 0 of this one: "
        "choose another port, the same for all processes."
      )
    progress = line
  return False


def _lines(peer: socket.socket) -> Iterator[str | None]:
  """Yields lines until the connection is closed; None on a time-out."""
  rest = b""
  while len(rest) < _LONGEST_LINE:
    try:
      received = peer.recv(_LONGEST_LINE)
    except TimeoutError:
      yield None
      continue
    if not received:
      return
    *lines, rest = (rest + received).split(b"\n")
    for line in lines:
      yield line.decode(errors="replace")
  yield rest.decode(errors="replace")


def _listening(where: Address) -> socket.socket:
  try:
    return _server(where.port)
  except OSError as error:
    reason = os.strerror(error.errno) if error.errno else str(error)
    raise ValueError(
      f"process 0 cannot listen at {where} ({reason}): choose another port, "
      "the same for all processes."
    ) from error


def _server(port: int) -> socket.socket:
  """Listens on all interfaces, as jax does afterwards."""
  if socket.has_dualstack_ipv6():
    return socket.create_server(
      ("", port), family=socket.AF_INET6, dualstack_ipv6=True
    )
  return socket.create_server(("", port))
