"""The demonstration: a robust model and a standard one, compared."""

import pathlib

from ml_collections import ConfigDict

from experiments.build.imports import named_modules
from experiments.build.with_overrides import with_overrides
from experiments.cli.run_command import INTERRUPTED
from experiments.evaluate import evaluate
from experiments.load_run import load_run
from experiments.train import train
from robust_jax import parallel


def demo(config: ConfigDict, path: pathlib.Path) -> int:
  """Trains the model of a config and a standard one, and evaluates both.

  Args:
    config: config of adversarial training.
    path: folder of the results, with a run in `robust` and one in `standard`.

  Returns:
    The exit status.
  """
  standard = with_overrides(
    config, {"loss": {"name": "erm"}, "training": {"monitor": "accuracy"}}
  )
  models, records = {}, {}
  for name, one in (("standard", standard), ("robust", config)):
    result = train(one, path / name, title=f"{name:8}")
    if result.status == "interrupted":
      return INTERRUPTED
    run = load_run(path / name, "best", named_modules(config))
    models[name], records[name] = run.classifier(), run.records
  evaluate(models, config, path, records=records)
  if parallel.is_lead():
    print(
      f"\nIn {path}: report.json, training.png, robust_accuracy.png, "
      "examples.png; checkpoints, metrics.jsonl and TensorBoard events of each "
      "model in standard/ and robust/."
    )
  return 0
