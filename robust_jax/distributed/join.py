"""Initialization and end of `jax.distributed`, with errors in prose."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

import jax

from robust_jax.distributed import _rendezvous as rendezvous
from robust_jax.distributed import _shorten_messages as shorten_messages

# The environment of one process among several, by launcher: Slurm's srun,
# Open MPI's mpirun.
_CLUSTER_SIZES = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
# Words in libraries' messages about the connection to another process.
_CONNECTION = ("Gloo", "NCCL", "coordination service", "heartbeat")


def join(
  coordinator: str | None = None,
  num_processes: int | None = None,
  process_id: int | None = None,
  timeout: float = 300,
) -> None:
  """Joins this process with others, before any device is used.

  Args:
    coordinator: `host:port` of process 0. If it is None the environment of a
      cluster (Slurm, Open MPI, TPU pod) is used, or, without one, the process
      stays alone.
    num_processes: number of processes.
    process_id: id of this process, from 0.
    timeout: maximum time to wait for the others, in seconds.

  Raises:
    ValueError: only some of the three are given, or the processes do not meet,
      see `_rendezvous.meet`.
  """
  if coordinator is None and num_processes is None and process_id is None:
    if _in_cluster(os.environ):
      jax.distributed.initialize(initialization_timeout=int(timeout))
      _filter_messages()
    return
  if coordinator is None or num_processes is None or process_id is None:
    raise ValueError(
      f"coordinator={coordinator}, num_processes={num_processes}, "
      f"process_id={process_id}: to join several processes give all three, "
      "or none to take them from the cluster's environment."
    )
  if not 0 <= process_id < num_processes:
    raise ValueError(
      f"process_id={process_id} must be in 0..{num_processes - 1}."
    )
  if not timeout > 0:
    raise ValueError(
      f"coordinator_timeout = {timeout}: expected more than 0 s."
    )
  where = rendezvous.address(coordinator)
  rendezvous.meet(where, num_processes, process_id, timeout)
  _filter_messages()
  jax.distributed.initialize(coordinator, num_processes, process_id)


def _in_cluster(environment: Mapping[str, str]) -> bool:
  launched = any(int(environment.get(n, 1)) > 1 for n in _CLUSTER_SIZES)
  return launched or "," in environment.get("TPU_WORKER_HOSTNAMES", "")


@contextlib.contextmanager
def explain_lost_processes() -> Iterator[None]:
  """Raises errors of libraries about a lost process as one sentence."""
  try:
    yield
  except Exception as error:
    if not _has_others() or not _is_about_connection(error):
      raise
    reason = str(error).strip().splitlines()[0][:200]
    raise ValueError(f"{shorten_messages.SENTENCE} ({reason})") from error


def _is_about_connection(error: Exception) -> bool:
  # Of any class: jax raises plain ValueErrors.
  return any(word in str(error) for word in _CONNECTION)


def leave(status: int) -> None:
  """Ends a failed process that has joined others; returns if it is alone.

  At a normal end jax would wait for the other processes, which may have ended
  or wait for this one.
  """
  if _has_others():
    if jax.process_index() == 0:
      time.sleep(1.0)  # the others lose their coordinator with this process
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _has_others() -> bool:
  return jax.distributed.is_initialized() and jax.process_count() > 1


def _filter_messages() -> None:
  """Passes standard error through a filter, `_shorten_messages`.

  jax ends a process that has lost its coordinator from another thread, with
  fifty lines and no exception.
  """
  reader, writer = os.pipe()
  program = pathlib.Path(__file__).with_name("_shorten_messages.py")
  subprocess.Popen(
    [sys.executable, "-I", "-S", str(program)],
    stdin=reader,
    stdout=subprocess.DEVNULL,
    start_new_session=True,  # to outlive this process and its Ctrl-C
  )
  os.close(reader)
  os.dup2(writer, 2)
  os.close(writer)
