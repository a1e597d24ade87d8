"""Timing on a noisy machine: interleaved, the least of several."""

import time
from collections.abc import Callable, Mapping

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
