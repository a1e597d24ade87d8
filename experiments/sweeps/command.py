"""The command `sweep`."""

import pathlib
import sys
import time

from experiments.cli import main_flags as given
from experiments.cli import named_runs, output
from experiments.cli.parse_flags import config_arguments
from experiments.sweeps import run, scripts
from experiments.sweeps.combinations import combinations
from experiments.sweeps.plot import plot
from experiments.sweeps.tables import collect
from robust_jax import parallel
from robust_jax.files import atomic_write


def sweep_command() -> int:
  """Trains, prints or collects the runs of a sweep; returns the exit status."""
  if given.OUT.value is None:
    raise ValueError("sweep needs --out, as in --out=runs/sweep.")
  out, quantities = pathlib.Path(given.OUT.value), given.PLOT.value
  if quantities is not None and len(quantities) != 2:
    raise ValueError(
      f"--plot={','.join(quantities)}: expected two quantities, as in "
      "--plot=seconds,accuracy."
    )
  if given.COLLECT.value:
    _show(out, quantities)
    return 0
  named_runs.config()
  swept = combinations(config_arguments(sys.argv[1:]), given.GRID.value)
  seeds = given.SEEDS.value
  if _write_commands(scripts.commands(swept, seeds, out, _options()), out):
    return 0
  run.refuse_errors(swept, seeds, out)
  output.writable(out, "--out")
  deadline = time.monotonic() + 60 * given.MAX_MINUTES.value
  status = run.run(swept, seeds, out, deadline)
  if parallel.is_lead() and not status:
    _show(out, quantities)
  return status


def _options() -> list[str]:
  """The flags beside the config that change what a run computes."""
  precision = given.MATMUL_PRECISION.value
  return [f"--matmul_precision={precision}"] if precision else []


def _write_commands(commands: list[str], out: pathlib.Path) -> bool:
  """Prints and writes the commands as flags ask for; returns whether any do."""
  texts = {}
  if (slurm := given.SLURM.value) is not None:
    texts[slurm] = scripts.slurm_script(commands, out.name)
  if (task := given.SKYPILOT.value) is not None:
    texts[task] = scripts.skypilot_task(commands, out.name, task, out)
  for file, text in texts.items():
    with atomic_write(pathlib.Path(file)) as new:
      new.write_text(text, encoding="utf-8")
    print(f"{file}: {len(commands)} runs.", file=sys.stderr)
  if given.PRINT_COMMANDS.value:
    print("\n".join(commands))
  return bool(texts) or given.PRINT_COMMANDS.value


def _show(out: pathlib.Path, quantities: list[str] | None) -> None:
  rows = collect(out)
  print((out / "sweep.md").read_text(encoding="utf-8"))
  print(f"In {out}: sweep.md, sweep.csv and sweep.json.")
  if quantities is not None:
    print(f"The picture is {plot(rows, out, *quantities)}.")
