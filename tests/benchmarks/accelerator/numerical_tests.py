"""Tests of the numbers of this project on the accelerator, counted."""

import collections
import os
import pathlib
import time

import pytest

from tests.benchmarks.accelerator.meter import Meter

_ROOT = pathlib.Path(__file__).resolve().parents[3]
# Those first whose failure would say most.
_FILES = (
  "tests/unit/test_precision.py",
  "tests/unit/test_pgd.py",
  "tests/unit/test_losses.py",
  "tests/unit/test_l1.py",
  "tests/unit/test_kth_largest.py",
  "tests/unit/test_apgd.py",
  "tests/unit/test_fab.py",
  "tests/unit/test_square.py",
  "tests/unit/test_interval_bounds.py",
  "tests/unit/test_crown_ibp.py",
  "tests/unit/test_smoothing.py",
  "tests/unit/test_affine.py",
  "tests/unit/test_flow.py",
  "tests/unit/test_corruptions.py",
  "tests/unit/test_minimal_norm.py",
  "tests/unit/test_training_losses.py",
  "tests/unit/test_games.py",
  "tests/unit/test_loop.py",
  "tests/contract/test_sets.py",
  "tests/contract/test_searches.py",
  "tests/contract/test_losses.py",
  "tests/contract/test_models.py",
  "tests/contract/test_gradients.py",
  "tests/contract/test_certificates.py",
)
_SECONDS_BETWEEN_COUNTS = 1.0


def measure_tests(meter: Meter) -> None:
  """Runs the tests until all are done or the time is over."""
  files = ("tests/unit/test_tree.py",) if meter.rehearsal else _FILES
  counter = _Counter(meter)
  os.chdir(_ROOT)

  def run():
    pytest.main(["-p", "no:cacheprovider", *files], plugins=[counter])
    return counter.values()

  meter.measure(counter.name, "pytest", 20, run)


class _Counter:
  """A plugin of pytest that sends how many tests passed, failed, skipped."""

  name = "numerical tests of the suite"

  def __init__(self, meter: Meter):
    self._meter, self._sent = meter, 0.0
    self._counts: collections.Counter[str] = collections.Counter()
    self._failed: list[str] = []
    self._session: pytest.Session | None = None

  def pytest_collection_finish(self, session):
    self._session = session
    self._counts["collected"] = len(session.items)

  def pytest_runtest_logreport(self, report):
    # A test passes by its call; it may fail or be skipped before or after.
    if report.failed or (report.when == "call" and report.passed):
      self._counts[report.outcome] += 1
    elif report.skipped:
      self._counts["skipped"] += 1
    if report.failed:
      self._failed.append(f"{report.nodeid} ({report.when})")
    now = time.monotonic()
    if now - self._sent > _SECONDS_BETWEEN_COUNTS:
      self._sent = now
      self._meter.record(self.name, "pytest", "running", **self.values())
    if self._meter.left() < _SECONDS_BETWEEN_COUNTS and self._session:
      self._session.shouldstop = "the time is over"

  def values(self):
    done = {n: self._counts[n] for n in ("passed", "failed", "skipped")}
    left = self._counts["collected"] - sum(done.values())
    said = [f"{count} {outcome}" for outcome, count in done.items()]
    said += [f"{left} not run"] if left > 0 else []
    return {**done, "failed_tests": self._failed, "text": ", ".join(said)}
