"""The measurements on an accelerator: all parts run, and nothing is lost."""

import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tests.benchmarks.accelerator import __main__ as command
from tests.benchmarks.accelerator.meter import Meter
from tests.benchmarks.accelerator.parts import PARTS
from tests.benchmarks.accelerator.processes import run_part
from tests.benchmarks.accelerator.results import Results

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEASURE = [sys.executable, "-m", "tests.benchmarks.accelerator"]
ENVIRONMENT = os.environ | {
  "JAX_PLATFORMS": "cpu",
  "JAX_ENABLE_COMPILATION_CACHE": "true",  # of the tests
}


def begin(*arguments):
  return subprocess.Popen(
    [*MEASURE, *map(str, arguments)],
    cwd=ROOT,
    env=ENVIRONMENT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def read(folder):
  return json.loads((folder / "results.json").read_text())


def test_a_rehearsal_runs_every_part(tmp_path):
  process = begin("--rehearse", "--out", tmp_path)
  said, errors = process.communicate()
  assert process.returncode == 0, errors
  found = read(tmp_path)
  assert {n: p["status"] for n, p in found["parts"].items()} == dict.fromkeys(
    PARTS, "done"
  )
  page = (tmp_path / "results.md").read_text()
  for row in found["measurements"]:
    assert f"| {row['part']} | {row['name']} | {row['by']} |" in page
    peer = row["by"].startswith("torch") or row["by"] == "authors' code"
    absent = peer and importlib.util.find_spec("torch") is None
    assert row["status"] == ("not installed" if absent else "done"), row
  assert {row["part"] for row in found["measurements"]} == set(PARTS)
  assert "s left  training" in said


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_measured_stays_when_it_is_cut_off(tmp_path, how):
  process = begin(
    "--rehearse", "--parts", "devices", "training", "--out", tmp_path
  )
  for line in process.stdout:
    if "tiny" in line and line.endswith("...\n"):
      break
  process.send_signal(how)
  process.communicate()
  found = read(tmp_path)
  *devices, step = found["measurements"]
  assert [row["status"] for row in devices] == ["done"] * 3
  rate = f"{devices[0]['flop_per_second'] / 1e12:.3g} TFLOP/s"
  assert rate in (tmp_path / "results.md").read_text()
  if how == signal.SIGKILL:
    assert (process.returncode, step["status"]) == (-how, "running")
  else:
    assert process.returncode == command.INTERRUPTED
    assert (step["status"], step["note"]) == ("cut off", "interrupted")


def test_without_an_accelerator_it_says_so(tmp_path):
  process = begin("--parts", "devices", "training", "--out", tmp_path)
  _, errors = process.communicate()
  assert process.returncode == 2
  assert "error: JAX finds no accelerator here" in errors
  assert list(read(tmp_path)["parts"]) == ["devices"]


def _one(meter):
  meter.measure("one", "test", 0, lambda: {"seconds": 1.0})


def measures_and_raises(meter):
  _one(meter)
  raise RuntimeError("of the part")


def measures_and_aborts(meter):
  _one(meter)
  os.abort()


def measures_without_end(meter):
  _one(meter)
  (meter.folder / "pid").write_text(str(os.getpid()))
  meter.measure("two", "test", 0, lambda: time.sleep(600))


def measures_and_ends(meter):
  _one(meter)


@pytest.mark.parametrize(
  ("part", "why"),
  [
    (measures_and_raises, "it ended with status 1, see part.log"),
    (measures_and_aborts, f"it ended with status -{signal.SIGABRT.value}, "),
    (measures_without_end, "its time was over"),
    (measures_and_ends, ""),
  ],
)
def test_a_part_may_end_in_any_way(tmp_path, part, why):
  rows = []
  deadline = time.monotonic() + (4 if part is measures_without_end else 100)
  note = run_part("part", part, rows.append, deadline, False, tmp_path)
  assert note.startswith(why)
  assert bool(note) == bool(why)
  assert (rows[1]["name"], rows[1]["status"]) == ("one", "done")
  if part is measures_and_raises:
    assert "RuntimeError: of the part" in (tmp_path / "part.log").read_text()
  if part is measures_without_end:
    assert rows[-1]["status"] == "running"
    pid = int((tmp_path / "pid").read_text())
    assert not pathlib.Path(f"/proc/{pid}/stat").exists()


def test_a_measurement_that_fails_or_does_not_fit_is_recorded(tmp_path):
  rows = []
  meter = Meter("part", rows.append, tmp_path, time.monotonic() + 50, False)

  def fails():
    raise ValueError("of the measurement\nand more")

  meter.measure("long", "test", 60, lambda: {})
  meter.measure("bad", "test", 1, fails)
  meter.measure("peer", "test", 1, lambda: meter.needs("no_such_package"))
  long, _, bad, _, peer = rows
  assert long["status"] == "skipped"
  assert long["note"].startswith("takes about 60 s, ")
  assert bad["status"] == "failed"
  assert bad["note"] == "ValueError: of the measurement"
  assert peer["status"] == "not installed"
  assert peer["note"] == "it needs no_such_package"


def test_the_table_has_the_fraction_of_the_matmul_rate(tmp_path):
  results = Results(tmp_path, {})
  rate = {"flop_per_second": 4e12}
  step = {"seconds": 0.5, "images": 100, "flop": 1e12, "products": "bfloat16"}
  results.add(_row("devices", "matmul, bfloat16", "XLA") | rate)
  results.add(_row("training", "a | b", "robust_jax") | step)
  line = "| training | a / b | robust_jax | 200 images/s, 500 ms |  | 50% |\n"
  assert line in (tmp_path / "results.md").read_text()


def _row(part, name, by):
  return {"part": part, "name": name, "by": by, "status": "done"}
