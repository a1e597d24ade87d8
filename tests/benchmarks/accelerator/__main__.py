"""Measures what an accelerator does with this project, in a few minutes.

    python -m tests.benchmarks.accelerator --minutes 8

In order of value, as far as the time goes: the device and its matrix products;
training steps; AutoAttack; corruptions; the same steps in PyTorch and the
authors' AutoAttack, where `torch` and `pyautoattack` are installed (neither is
a requirement); numerical tests; adversarial training for the rest of the time.
It needs no network. Data of `ROBUST_JAX_DATA` are used where they are there,
and drawn at random otherwise.

`--out` has `results.json` and `results.md` after each measurement, so what was
measured stays if this is killed, and a log of each part. `--rehearse` runs all
parts at tiny sizes, on whatever device there is.
"""

import argparse
import os
import pathlib
import shlex
import signal
import sys
import time

from experiments.cli.set_up_compiler import set_xla_flags
from tests.benchmarks.accelerator.parts import PARTS
from tests.benchmarks.accelerator.processes import run_part
from tests.benchmarks.accelerator.results import Results, result_text

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
  """The command; returns its exit status."""
  flags = _flags(arguments)
  flags.out = flags.out.resolve()
  flags.out.mkdir(parents=True, exist_ok=True)
  # Compile times would be those of reading what another run has compiled.
  os.environ.setdefault("JAX_ENABLE_COMPILATION_CACHE", "false")
  set_xla_flags()  # as the command line does
  signal.signal(signal.SIGTERM, signal.default_int_handler)
  results = Results(
    flags.out,
    {
      "command": "python -m tests.benchmarks.accelerator "
      + shlex.join(sys.argv[1:] if arguments is None else arguments),
      "begun": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
      "rehearsal": flags.rehearse,
    },
  )
  try:
    return _run(flags, results)
  except KeyboardInterrupt:
    results.cut_off("interrupted")
    return INTERRUPTED
  finally:
    print(f"the table is {results.folder / 'results.md'}")


def _run(flags: argparse.Namespace, results: Results) -> int:
  deadline = time.monotonic() + 60 * flags.minutes
  for name in flags.parts:
    part = PARTS[name]
    left = deadline - time.monotonic()
    if not flags.rehearse and left < part.at_least:
      note = f"takes {part.at_least:.0f} s at least, {left:.0f} s left"
      _note(results, name, "skipped", 0.0, note)
      continue
    _say(deadline, f"{name}: {part.seconds:.0f} s or so")
    begun = time.monotonic()
    note = run_part(
      name,
      part,
      lambda row: _receive(results, row, deadline),
      min(deadline, begun + part.at_most),
      flags.rehearse,
      flags.out,
    )
    results.cut_off(note)
    status = "cut off" if note else "done"
    _note(results, name, status, time.monotonic() - begun, note)
    if not flags.rehearse and results.machine.get("backend") == "cpu":
      print(
        "error: JAX finds no accelerator here, only CPUs: expected a GPU or "
        "TPU. --rehearse runs all parts at tiny sizes.",
        file=sys.stderr,
      )
      return 2
  return 0


def _receive(results: Results, row: dict, deadline: float) -> None:
  if "machine" in row:
    results.machine.update(row["machine"])
    results.write()
    return
  results.add(row)
  doing = row["status"] == "running"
  said = "..." if doing else f": {result_text(row)}"
  _say(deadline, f"  {row['name']}, {row['by']}{said}")


def _note(results, name, status, seconds, note) -> None:
  results.parts[name] = {"status": status, "seconds": round(seconds, 1)}
  if note:
    results.parts[name]["note"] = note
    print(f"{name}: {status}: {note}", flush=True)
  results.write()


def _say(deadline: float, line: str) -> None:
  print(f"{deadline - time.monotonic():4.0f} s left  {line}", flush=True)


def _flags(arguments: list[str] | None) -> argparse.Namespace:
  parser = argparse.ArgumentParser(
    prog="python -m tests.benchmarks.accelerator",
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument(
    "--minutes", type=_positive, default=8.0, help="of all parts together"
  )
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("runs/accelerator"),
    help="folder of the results; runs/accelerator by default",
  )
  parser.add_argument(
    "--rehearse", action="store_true", help="tiny sizes, on any device"
  )
  parser.add_argument(
    "--parts",
    nargs="+",
    choices=list(PARTS),
    default=list(PARTS),
    help="these alone, in this order",
  )
  return parser.parse_args(arguments)


def _positive(text: str) -> float:
  value = float(text)
  if not value > 0:
    raise argparse.ArgumentTypeError(f"{text}: expected a positive number")
  return value


if __name__ == "__main__":
  sys.exit(main())
