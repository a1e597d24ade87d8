"""Timing on a noisy machine: interleaved, the least of several."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping

import jax

from robust_jax.training.matmul_rate import matmul_rate


def least_seconds(
  programs: Mapping[str, Callable[[], object]],
  repeats: int = 7,
  clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
  """Seconds of each program, the least over `repeats` interleaved rounds.

  Args:
    programs: name -> function without arguments, already warm or not.
    repeats: rounds; in each every program runs once.
    clock: what is read before and after; `time.process_time`, the time of the
      processors, depends less on what else a machine does.
  """
  for program in programs.values():
    jax.block_until_ready(program())
  seconds = dict.fromkeys(programs, float("inf"))
  for _ in range(repeats):
    for name, program in programs.items():
      start = clock()
      jax.block_until_ready(program())
      seconds[name] = min(seconds[name], clock() - start)
  return seconds


def seconds_per_call(
  program: Callable[[], object],
  at_most: float = 3.0,
  wait: Callable[[object], object] = jax.block_until_ready,
) -> float:
  """Seconds of one of several calls that do not wait for each other.

  As in training, the host waits for the last result alone. It is the least of
  several rounds.

  Args:
    program: function without arguments, which is compiled already.
    at_most: seconds after which no other round begins.
    wait: waits for a result.
  """
  begun = time.perf_counter()
  wait(program())
  num_calls = max(1, int(0.2 * at_most / (time.perf_counter() - begun)))
  least = float("inf")
  while least == float("inf") or time.perf_counter() - begun < at_most:
    start = time.perf_counter()
    for _ in range(num_calls):
      last = program()
    wait(last)
    least = min(least, (time.perf_counter() - start) / num_calls)
  return least


@contextlib.contextmanager
def compilations() -> Iterator[list[float]]:
  """Collects the seconds of each lowering and compilation inside."""
  seconds: list[float] = []

  def listen(event, duration, **_):
    if event.endswith(("to_mlir_module_duration", "backend_compile_duration")):
      seconds.append(duration)

  jax.monitoring.register_event_duration_secs_listener(listen)
  try:
    yield seconds
  finally:
    jax.monitoring.unregister_event_duration_listener(listen)


def report(seconds: Mapping[str, float], unit: str) -> None:
  """Prints each time beside its ratio to that of `unit`."""
  for name, value in seconds.items():
    ratio = value / seconds[unit]
    print(f"{name:42} {1e3 * value:9.1f} ms  {ratio:6.2f} x")


def report_rate(name: str, flop: float, seconds: float) -> None:
  """Prints the FLOP/s reached, beside what a matrix product reaches now."""
  rate, limit = flop / seconds, matmul_rate("float32", 2048)
  print(
    f"{name}: {flop / 1e9:.1f} GFLOP, {rate / 1e9:.0f} GFLOP/s, "
    f"{rate / limit:.0%} of the matmul rate of {limit / 1e9:.0f} GFLOP/s"
  )
