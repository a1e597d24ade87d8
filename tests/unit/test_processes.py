"""Several processes: how they meet, and how they end."""

import concurrent.futures
import contextlib
import pathlib
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import jax
import pytest

from experiments.cli import processes
from robust_jax.distributed import _rendezvous as rendezvous
from robust_jax.distributed import _shorten_messages as shorten_messages
from robust_jax.distributed import join
from tests.unit.command_line import command_line

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def where():
  with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    return rendezvous.Address("127.0.0.1", probe.getsockname()[1])


def together(where, *who, timeout=10.0):
  """`meet` of (number, id) each in a thread -> None, or what was refused."""
  with concurrent.futures.ThreadPoolExecutor() as pool:
    started = [pool.submit(rendezvous.meet, where, *w, timeout) for w in who]
    return [None if (e := s.exception()) is None else str(e) for s in started]


@pytest.fixture
def outspoken(monkeypatch):
  monkeypatch.setattr(rendezvous, "_QUIET_SECONDS", 0.0)


@pytest.mark.parametrize("number", [1, 2, 4])
def test_processes_meet_in_any_order(where, number, outspoken, capsys):
  who = [(number, i) for i in reversed(range(number))]
  assert together(where, *who) == [None] * number
  said = capsys.readouterr().err
  assert number == 1 or f"waiting for {where} (" in said
  # And leave the port free for what is to come.
  socket.create_server(("", where.port)).close()


def test_the_missing_are_named_in_time(where, outspoken, capsys):
  with concurrent.futures.ThreadPoolExecutor() as pool:
    lead = pool.submit(rendezvous.meet, where, 4, 0, 1.5)
    together(where, (4, 2), timeout=2.0)
    found = str(lead.exception())
  assert f"waited 1.5 s for {where} (2 of 4 joined; missing: 1, 3)" in found
  assert "--coordinator_timeout gives them more" in found
  assert "(2 of 4 joined; missing: 1, 3)" in capsys.readouterr().err


def test_a_process_0_that_is_not_there_is_told_in_time(where):
  (found,) = together(where, (2, 1), timeout=0.3)
  assert f"waited 0.3 s for {where} (connection refused; this is" in found


def test_who_leaves_may_come_again(where):
  def come_and_leave():
    try:
      with socket.create_connection(where) as peer:
        peer.sendall(b"robust_jax 1 2\n")
        return peer.recv(100)
    except ConnectionRefusedError:  # process 0 is not there yet
      return None

  with concurrent.futures.ThreadPoolExecutor() as pool:
    lead = pool.submit(rendezvous.meet, where, 3, 0, 20.0)
    while come_and_leave() is None:
      time.sleep(0.05)
    # Another number than process 0 counts; then those who were meant.
    assert together(where, (3, 1), (3, 2)) == [None, None]
    assert lead.exception() is None


def test_two_of_one_id_and_other_numbers_are_refused(where):
  with concurrent.futures.ThreadPoolExecutor() as pool:
    lead = pool.submit(rendezvous.meet, where, 2, 0, 20.0)
    (found,) = together(where, (3, 2))
    assert "process 0 was started as one of 2 processes" in found
    assert together(where, (2, 1)) == [None]
    assert lead.exception() is None
  with concurrent.futures.ThreadPoolExecutor() as pool:
    lead = pool.submit(rendezvous.meet, where, 3, 0, 1.5)
    found = together(where, (3, 1), (3, 1), timeout=2.0)
    assert "(2 of 3 joined; missing: 2)" in str(lead.exception())
  assert sum("another process 1 has joined already" in f for f in found) == 1


def test_scanners_are_not_counted_and_other_servers_not_taken_for_ours(where):
  with concurrent.futures.ThreadPoolExecutor() as pool:
    lead = pool.submit(rendezvous.meet, where, 2, 0, 20.0)
    for request in (
      b"GET / HTTP/1.1\r\n\r\n",
      b"\xff\xfe\n",
      b"robust_jax 0 2\n",
    ):
      peer = None
      while peer is None:
        with contextlib.suppress(ConnectionRefusedError):
          peer = socket.create_connection(where)
      with peer:
        peer.sendall(request)
        assert peer.recv(100) == b""
    assert together(where, (2, 1)) == [None]
    assert lead.exception() is None
  with socket.create_server(where) as server:

    def answer():
      peer, _ = server.accept()
      with peer:
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        peer.recv(100)

    thread = threading.Thread(target=answer)
    thread.start()
    (found,) = together(where, (2, 1))
    thread.join()
  assert "another program answers at" in found


@pytest.mark.parametrize(
  ("coordinator", "message"),
  [
    ("HOST:abc", "coordinator 'HOST:abc': expected HOST:PORT"),
    ("HOST", "'HOST': expected HOST:PORT"),
    (":123", "expected HOST:PORT"),
    ("HOST:0", "expected HOST:PORT"),
    ("HOST:70000", "expected HOST:PORT"),
    ("taken", "Address already in use): choose another port"),
  ],
)
def test_a_wrong_coordinator_is_one_line(where, coordinator, message, capsys):
  with socket.create_server(("", where.port)):
    given = str(where) if coordinator == "taken" else coordinator
    identity = [f"--coordinator={given}", "--num_processes=2", "--process_id=0"]
    assert command_line("train", *identity) == 2
  said = capsys.readouterr().err
  assert message in said
  assert said.count("\n") == 1


def spawned(number, code, **options):
  """The status and what the children, each `code`, are started with."""
  started = time.monotonic()
  program = ["-c", textwrap.dedent(code)]
  return processes.spawn(number, [], program), time.monotonic() - started


IDENTITY = """
  import os, signal, sys, time
  own = int(next(a for a in sys.argv if "process_id" in a)[-1])
"""


@pytest.mark.parametrize(
  ("end", "status", "line"),
  [
    ("sys.exit(3)", 3, "process 1 of 3 ended with exit status 3: ending all"),
    ("os.abort()", 2, "process 1 of 3 was ended by SIGABRT: ending all"),
    ("os.kill(os.getpid(), 9)", 2, "was ended by SIGKILL: ending all"),
  ],
)
def test_one_line_says_who_ended_and_all_do(
  monkeypatch, capsys, end, status, line
):
  monkeypatch.setattr(processes, "_GRACE", 0.5)
  stubborn = """
  if own == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
  code = f"{IDENTITY}{stubborn}  if own == 1:\n    {end}\n  time.sleep(60)\n"
  found, seconds = spawned(3, code)
  assert found == status
  assert seconds < 20
  said = capsys.readouterr().err
  assert line in said
  assert said.count("\n") == 1


def test_a_stopped_process_is_told_and_does_not_keep_the_others(
  monkeypatch, capsys
):
  monkeypatch.setattr(processes, "_GRACE", 0.5)
  end = """
  if own == 1:
    os.kill(os.getpid(), signal.SIGSTOP)
  time.sleep(1)
  sys.exit(2)
  """
  assert spawned(2, IDENTITY + end)[0] == 2
  said = capsys.readouterr().err.splitlines()
  assert (
    "process 1 of 2 is stopped, and the others wait for it: `kill" in said[0]
  )
  assert "process 0 of 2 ended with exit status 2" in said[1]


def test_all_well_is_0_and_an_interruption_no_error(capsys):
  assert spawned(2, IDENTITY)[0] == 0
  assert spawned(2, f"{IDENTITY}  sys.exit(130)")[0] == 130
  assert capsys.readouterr().err == ""


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_children_die_with_the_launcher(tmp_path, signum):
  child = f"""{IDENTITY}
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
  (open(sys.argv[-1] + str(own), "w").write(str(os.getpid())))
  time.sleep(60)
  """
  launcher = (
    "import sys; from experiments.cli import processes; "
    "sys.exit(processes.spawn(2, sys.argv[2:], ['-c', sys.argv[1]]))"
  )
  command = [sys.executable, "-c", launcher, textwrap.dedent(child)]
  started = subprocess.Popen([*command, str(tmp_path / "pid")], cwd=ROOT)
  pids = []
  while len(pids) < 2:
    assert started.poll() is None
    time.sleep(0.05)
    files = sorted(tmp_path.iterdir())
    pids = [int(text) for f in files if (text := f.read_text())]
  started.send_signal(signum)
  assert started.wait(20) == (130 if signum == signal.SIGTERM else -signum)
  deadline = time.monotonic() + 5
  while any(map(_runs, pids)) and time.monotonic() < deadline:
    time.sleep(0.05)
  assert not any(map(_runs, pids))


def _runs(pid):
  try:
    state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
  except FileNotFoundError:
    return False
  return state.split()[0] != "Z"  # who reaps it is not ours to say


LOST = """
  import jax, os, sys, time
  jax.config.update("jax_platforms", "cpu")
  from robust_jax import parallel
  from robust_jax.distributed import join
  from experiments.cli.run_command import run_command
  address, number, own = (a.partition("=")[2] for a in sys.argv[1:4])

  def work():
    join.join(address, int(number), int(own))
    with join.explain_lost_processes():
      for step in range(10**6):
        parallel.any_process(False)
        if step == 20 and own == sys.argv[4]:
          os.kill(os.getpid(), 9)

  join.leave(run_command(work))
"""


@pytest.mark.parametrize("victim", [0, 1])
def test_who_loses_a_process_says_so_in_a_line(victim, capfd):
  program = ["-c", textwrap.dedent(LOST)]
  assert processes.spawn(2, [str(victim)], program) == 2
  said = capfd.readouterr().err.splitlines()
  said = [line for line in said if "[Gloo]" not in line]
  assert any(
    f"process {victim} of 2 was ended by SIGKILL" in line for line in said
  )
  assert len(said) <= 2, said  # and perhaps what the other one had to say
  assert all(
    "--processes:" in line or shorten_messages.SENTENCE in line for line in said
  )


@pytest.mark.parametrize(
  "line",
  [
    "E1126 08:56:08.0  5971 coordination_service_agent.cc:289] Polled an",
    "W1126 08:56:08.0  5971 preemption_sync_manager.cc:147] Failed to retrieve "
    "preemption notice from coordination service: UNAVAILABLE",
    "F1126 08:56:08.0  597 client.h:80] Terminating process because the JAX "
    "distributed service detected fatal errors.",
    f"error: {shorten_messages.SENTENCE} (Gloo all-reduce failed)",
  ],
)
def test_fifty_lines_become_one(line):
  before = "a warning\nW1126 08:56:08.0  5 coordination_service.cc:1] slow\n"
  after = "*** Check failure stack trace: ***\n    @  0x7f1bd7640634  absl\n"
  found = subprocess.run(
    [sys.executable, "-I", "-S", shorten_messages.__file__],
    input=f"{before}{line}\n{after}{line}\n",
    capture_output=True,
    text=True,
    check=True,
  ).stderr
  assert found.startswith(f"{before}error: {shorten_messages.SENTENCE}")
  assert found.count("\n") == 3


def test_errors_of_connections_are_told_among_others_alone(monkeypatch):
  gloo = "UNKNOWN: Gloo all-reduce failed: Connection reset by peer"
  for among in (False, True):
    monkeypatch.setattr(join, "_has_others", lambda a=among: a)
    for message in (gloo, "eps = -1"):
      told = shorten_messages.SENTENCE if among and message == gloo else message
      with (
        pytest.raises(ValueError, match=told),
        join.explain_lost_processes(),
      ):
        raise ValueError(message)
  assert jax.process_count() == 1
