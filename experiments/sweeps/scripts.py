"""The runs of a sweep as commands, and as tasks of clusters."""

import pathlib
import shlex
from collections.abc import Sequence

from experiments.sweeps.combinations import Combination, runs_of

_SLURM = """\
#!/usr/bin/env bash
# Run ./launch.sh once before, which sets up, and add what your cluster needs,
# such as a partition, a time limit and a GPU. Two minutes before that limit a
# run leaves a checkpoint: submit this again, and it goes on.
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --signal=B:TERM@120
set -euo pipefail
{cases}
"""
_SKYPILOT = """\
# One run; for all of them:
#   for RUN in $(seq 0 {last}); do
#     sky jobs launch --yes --async --env RUN=$RUN {file}
#   done
# Add the resources, and mount a bucket at {out}, where the runs are kept.
name: {name}
workdir: .
envs:
  RUN: null
setup: |
  ./launch.sh --help > /dev/null
run: |
{cases}
"""


def commands(
  swept: Sequence[Combination],
  seeds: Sequence[int],
  out: pathlib.Path,
  options: Sequence[str] = (),
) -> list[str]:
  """Returns a command line for each run of a sweep.

  Args:
    swept: the combinations.
    seeds: the seeds.
    out: folder of the sweep.
    options: further options of each command.
  """
  arguments = {one.name: one.arguments for one in swept}
  return [
    shlex.join(
      [
        *("./launch.sh", "train", *arguments[row["combination"]]),
        *(f"--config.seed={row['seed']}", f"--workdir={path}", *options),
      ]
    )
    for row, _, path in runs_of(swept, seeds, out)
  ]


def slurm_script(commands: Sequence[str], name: str) -> str:
  """Returns the script of a Slurm array whose i-th task is the i-th command."""
  cases = _cases(commands, "SLURM_ARRAY_TASK_ID")
  return _SLURM.format(name=name, last=len(commands) - 1, cases=cases)


def skypilot_task(
  commands: Sequence[str], name: str, file: str, out: pathlib.Path
) -> str:
  """Returns a SkyPilot task that runs the command of the number in `RUN`.

  Args:
    commands: the commands.
    name: name of the task.
    file: path of the task, for the comment that says how to launch it.
    out: folder of the sweep, likewise.
  """
  cases = _cases(commands, "RUN").replace("\n", "\n  ")
  return _SKYPILOT.format(
    name=name.replace("_", "-"),
    last=len(commands) - 1,
    file=shlex.quote(file),
    out=out,
    cases=f"  {cases}",
  )


def _cases(commands: Sequence[str], variable: str) -> str:
  lines = [f"  {i}) exec {command} ;;" for i, command in enumerate(commands)]
  error = f"error: {variable} is not in 0..{len(commands) - 1}"
  lines.append(f'  *) echo "{error}" >&2; exit 2 ;;')
  return "\n".join([f'case "${variable}" in', *lines, "esac"])
