"""The command `train --plan`."""

import jax
import rich.console

from experiments.cli import main_flags as given
from experiments.cli import named_runs
from experiments.planning.plan import Cluster, plan
from robust_jax import parallel


def plan_command() -> int:
  """Prints what the run of --config would take; returns the exit status."""
  cluster = Cluster(
    given.PEAK_TFLOPS.value, given.UTILIZATION.value, given.BANDWIDTH.value
  )
  devices = given.DEVICES.value or [jax.device_count()]
  table, assumptions = plan(named_runs.config(), devices, cluster)
  if parallel.is_lead():
    console = rich.console.Console()
    console.print(table)
    for sentence in assumptions:
      console.print(f"- {sentence}", highlight=False, soft_wrap=True)
  return 0


def refuse_flags_of_plan() -> None:
  """Refuses flags that nothing but `--plan` reads.

  Raises:
    ValueError: one is given.
  """
  of_plan = (
    given.DEVICES,
    given.PEAK_TFLOPS,
    given.UTILIZATION,
    given.BANDWIDTH,
  )
  for flag in of_plan:
    if flag.present:
      raise ValueError(
        f"--{flag.name} is read by `train --plan` alone: add --plan, or leave "
        "it out."
      )
