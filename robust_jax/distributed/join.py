"""Several processes become one program, and end together."""

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
# What libraries say of a connection to another process.
_CONNECTION = ("Gloo", "NCCL", "coordination service", "heartbeat")


def join(
  coordinator: str | None = None,
  num_processes: int | None = None,
  process_id: int | None = None,
  timeout: float = 300,
) -> None:
  """Makes this process one of many, before anything touches a device.

  Args:
    coordinator: `host:port` of process 0. None leaves it to the cluster's
      environment (Slurm, Open MPI, TPU pod), or, without one, stays alone.
    num_processes: how many processes take part.
    process_id: which of them this is.
    timeout: seconds to wait for the others.

  Raises:
    ValueError: only some of the three are given, or the processes do not meet,
      see `rendezvous.meet`.
  """
  given = (coordinator, num_processes, process_id)
  if coordinator is None and num_processes is None and process_id is None:
    if _in_cluster(os.environ):
      jax.distributed.initialize(initialization_timeout=int(timeout))
      _filter_messages()
    return
  if any(value is None for value in given):
    raise ValueError(
      f"coordinator={coordinator}, num_processes={num_processes}, "
      f"process_id={process_id}: to join several processes give all three, "
      "or none to let the cluster's environment say them."
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
def telling_of_lost_processes() -> Iterator[None]:
  """Tells in a sentence what libraries report when another process is gone."""
  try:
    yield
  except Exception as error:
    if not _among_others() or not _is_of_connection(error):
      raise
    reason = str(error).strip().splitlines()[0][:200]
    raise ValueError(f"{shorten_messages.SENTENCE} ({reason})") from error


def _is_of_connection(error: Exception) -> bool:
  """Whatever its class: jax raises plain ValueErrors here."""
  return any(word in str(error) for word in _CONNECTION)


def leave(status: int) -> None:
  """Ends a process that failed among others; returns if it is alone.

  jax would wait at the end for the other processes, which may be gone, or wait
  for this one.
  """
  if _among_others():
    if jax.process_index() == 0:
      time.sleep(1.0)  # the others lose their coordinator with it
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _among_others() -> bool:
  return jax.distributed.is_initialized() and jax.process_count() > 1


def _filter_messages() -> None:
  """Has what is written to standard error pass through a filter.

  jax ends a process that has lost its coordinator from a thread of its own,
  with fifty lines and no exception.
  """
  reader, writer = os.pipe()
  program = pathlib.Path(__file__).with_name("_shorten_messages.py")
  subprocess.Popen(
    [sys.executable, "-I", "-S", str(program)],
    stdin=reader,
    stdout=subprocess.DEVNULL,
    start_new_session=True,  # it outlives this process, and its Ctrl-C
  )
  os.close(reader)
  os.dup2(writer, 2)
  os.close(writer)
