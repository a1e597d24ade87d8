"""The parts in order of value, and what they take on an accelerator.

Seconds are estimates; a measurement says its own, see `Meter.measure`.
"""

import importlib
from collections.abc import Callable
from typing import NamedTuple

from tests.benchmarks.accelerator.meter import Meter


class Part(NamedTuple):
  """A part of the measurements.

  Attributes:
    function: "module:function" of this package, which is given a `Meter`. It is
      imported by the process that runs it.
    seconds: what it takes, roughly.
    at_least: seconds without which it does not begin.
    at_most: seconds after which it is killed.
  """

  function: str
  seconds: float
  at_least: float
  at_most: float = float("inf")

  def __call__(self, meter: Meter) -> None:
    module, name = self.function.split(":")
    function: Callable[[Meter], None] = getattr(
      importlib.import_module(f"{__package__}.{module}"), name
    )
    function(meter)


PARTS = {
  "devices": Part("devices:measure_devices", 15, 5, 60),
  "training": Part("training:measure_training", 200, 20, 300),
  "autoattack": Part("autoattack:measure_autoattack", 35, 20, 90),
  "corruptions": Part("image_corruptions:measure_corruptions", 45, 10, 90),
  "torch": Part("torch_training:measure_torch", 120, 20, 180),
  "authors' autoattack": Part(
    "autoattack:measure_authors_autoattack", 30, 25, 60
  ),
  "tests": Part("numerical_tests:measure_tests", 90, 25, 120),
  "adversarial run": Part("adversarial_run:measure_adversarial_run", 60, 40),
}
