"""Robust and adversarial optimization in JAX, from the command line.

  ./launch.sh                          train, attack and compare on real digits
  ./launch.sh train --config=experiments/configs/adversarial/mnist_pgd.py
  ./launch.sh train --config=experiments/configs/adversarial/mnist_pgd.py:smoke
  ./launch.sh train --config=experiments/configs/adversarial/mnist_pgd.py \\
      --config.loss.attack.search.num_steps=20 --workdir=runs/mnist_pgd20
  ./launch.sh evaluate --workdir=runs/mnist_pgd20 --baseline=runs/mnist_standard
  ./launch.sh evaluate --weights=model.npz --workdir=runs/model \\
      --config=experiments/configs/adversarial/mnist_pgd.py
  ./launch.sh evaluate --checkpoint=runs/mnist_pgd20 --attack=autoattack \\
      --num_examples=1000
  ./launch.sh attack --workdir=runs/mnist_pgd20 --attack=pgd \\
      --out=runs/adversarial.npz       write adversarial examples
  ./launch.sh evaluate --checkpoint=runs/mnist_smoothing --certify
  ./launch.sh --processes 2 train --config=...    two processes on this machine
  ./launch.sh compare --models A=runs/a B=runs/b C=my.module:predict \\
      --data=mnist --out=runs/compared   which of them would you deploy?
  ./launch.sh data mnist               prepare a TFDS dataset
  ./launch.sh test                     run the tests

Any field of a config can be overridden by --config.<field>=<value>. The same
command resumes a run that was interrupted or killed.

Exit status: 0 done, 1 a gate of `compare` failed, 2 any error, 3 a gate is
inconclusive, 130 interrupted.
"""

import difflib
import pathlib
import sys
from collections.abc import Collection, Sequence
from contextlib import nullcontext
from typing import Any

import jax
from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments import workdir
from experiments.attack import attack
from experiments.build import imports
from experiments.certify import certify
from experiments.cli import named_options, processes
from experiments.cli.parse_flags import parse_flags
from experiments.cli.prepare_data import prepare_data
from experiments.cli.run_command import ERROR, INTERRUPTED, run_command
from experiments.compare import command as compare_command
from experiments.configs.adversarial import digits_pgd
from experiments.defended import defended
from experiments.demo import demo
from experiments.evaluate import evaluate
from experiments.evaluate_attacks import evaluate_attacks
from experiments.from_weights import from_weights
from experiments.load_run import Run, load_run
from experiments.train import make_report, train
from robust_jax.distributed import join
from robust_jax.types import Model

_CONFIG = config_flags.DEFINE_config_file(
  "config", None, "experiment: a config file, and after a colon its argument."
)
_WORKDIR = flags.DEFINE_string(
  "workdir", None, "folder of the run; runs/<config name> by default."
)
_BASELINE = flags.DEFINE_string(
  "baseline",
  None,
  "evaluate: the work directory of a model to compare with; compare: the name "
  "of the model that regressions are counted from.",
)
_WEIGHTS = flags.DEFINE_string(
  "weights",
  None,
  "evaluate, attack: PyTorch-layout tensors, .npz or .safetensors.",
)
_CHECKPOINT = flags.DEFINE_string(
  "checkpoint",
  None,
  "evaluate, attack: the run to evaluate; --workdir by default.",
)
_ATTACK = flags.DEFINE_list(
  "attack",
  None,
  "evaluate: autoattack, pgd or other attacks of the config, or your own as "
  "package.module:function, in sequence, each on the images that withstood the "
  "previous ones, with checks for masked gradients; attack: one of these.",
)
_CERTIFY = flags.DEFINE_bool(
  "certify",
  False,
  "evaluate: the certified accuracy against the radius, by the config's "
  "section evaluation.certificate, instead of attacks.",
)
_WHICH = flags.DEFINE_list(
  "which",
  ["best"],
  "evaluate, attack: the checkpoint, best, last or the step of one; several, "
  "as in best,last, are evaluated side by side.",
)
_DEFENSE = flags.DEFINE_list(
  "defense",
  None,
  "evaluate, attack: a defense of the model and its options, as in "
  "bit_depth,bits=3, instead of the config's section evaluation.defense. It is "
  "evaluated beside the model itself; attacks attack the defended one.",
)
_SAVE_IMAGES = flags.DEFINE_bool(
  "save_images", False, "evaluate --attack: keep adversarial.npz."
)
_NUM_EXAMPLES = flags.DEFINE_integer(
  "num_examples",
  None,
  "evaluate, attack, compare: number of test images; all if absent.",
  lower_bound=1,
)
_OUT = flags.DEFINE_string(
  "out",
  None,
  "compare: the folder of the report; attack: the .npz file of x, x_adv, "
  "labels, predictions and misclassified.",
)
_PROCESSES = flags.DEFINE_integer(
  "processes", None, "number of processes to start on this machine."
)
_COORDINATOR = flags.DEFINE_string(
  "coordinator", None, "host:port of process 0, to join several machines."
)
_NUM_PROCESSES = flags.DEFINE_integer(
  "num_processes", None, "number of processes of the program."
)
_PROCESS_ID = flags.DEFINE_integer(
  "process_id", None, "id of this process, from 0."
)
_COORDINATOR_TIMEOUT = flags.DEFINE_float(
  "coordinator_timeout", 300.0, "how many seconds to wait for the others."
)
_MATMUL_PRECISION = flags.DEFINE_enum(
  "matmul_precision",
  None,
  ["default", "high", "highest"],
  "precision of products of float32 numbers; default is TF32 on GPUs. If "
  "absent, training has the default and every evaluation the highest.",
)
_ALLOW_IMPORTS = flags.DEFINE_list(
  imports.FLAG, [], f"evaluate, attack, compare: {imports.HELP}"
)
_TRACEBACK = flags.DEFINE_bool(
  "traceback", False, "print the traceback of an error."
)


def _train(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  outcome = train(_config(), _workdir())
  return INTERRUPTED if outcome.status == "interrupted" else 0


def _evaluate(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  if _CERTIFY.value and _ATTACK.value is not None:
    raise ValueError("--certify and --attack: expected one of them at a time.")
  checkpoint = _checkpoint()
  if _WEIGHTS.value is None and _ATTACK.value is None:
    config = _config_of(checkpoint)
    if "report" in config:
      make_report(checkpoint, config, _NUM_EXAMPLES.value)
      return 0
  models, config, records = _models(checkpoint)
  if _WEIGHTS.value is not None:
    workdir.open_run(checkpoint, config)
  if _CERTIFY.value:
    path = _beside(checkpoint, "certificate")
    certify(_the_model(models), config, path, _NUM_EXAMPLES.value)
    return 0
  if _ATTACK.value is not None:
    evaluate_attacks(
      _the_model(models),
      config,
      _ATTACK.value,
      _beside(checkpoint, "audit"),
      _NUM_EXAMPLES.value,
      _SAVE_IMAGES.value,
    )
    return 0
  if _BASELINE.value is not None:
    run = _load_run(pathlib.Path(_BASELINE.value))
    models = {run.path.name: run.classifier()} | models
    records = {run.path.name: run.records} | records
  records = {name: record for name, record in records.items() if record}
  evaluate(models, config, _workdir(), _NUM_EXAMPLES.value, records)
  return 0


def _attack(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  names = _ATTACK.value or []
  if len(names) != 1:
    raise ValueError("attack needs one --attack, as in --attack=pgd.")
  if _OUT.value is None:
    raise ValueError("attack needs --out, as in --out=adversarial.npz.")
  models, config, _ = _models(_checkpoint())
  path = pathlib.Path(_OUT.value)
  attack(_the_model(models), config, names[0], path, _NUM_EXAMPLES.value)
  return 0


def _compare(arguments: Sequence[str]) -> int:
  return compare_command.compare_command(
    arguments,
    _OUT.value,
    _BASELINE.value,
    _NUM_EXAMPLES.value,
    _ALLOW_IMPORTS.value,
  )


def _data(arguments: Sequence[str]) -> int:
  if not arguments:
    raise ValueError("data needs a name, as in `./launch.sh data mnist`.")
  for name in arguments:
    prepare_data(name)
  return 0


def _demo(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  config = _CONFIG.value or digits_pgd.get_config()
  return demo(config, pathlib.Path(_WORKDIR.value or "runs/demo"))


_COMMANDS = {
  "train": _train,
  "evaluate": _evaluate,
  "attack": _attack,
  "compare": _compare,
  "data": _data,
  "demo": _demo,
}


def main(argv: Sequence[str]) -> int:
  """Runs one command; returns the exit status."""
  command, *arguments = argv[1:] or ["demo"]
  if command not in _COMMANDS:
    near = difflib.get_close_matches(command, _COMMANDS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "see --help."
    raise ValueError(f"there is no command '{command}'; {hint}")
  if _PROCESSES.value is not None:
    return processes.spawn(_PROCESSES.value, sys.argv[1:])
  join.join(
    _COORDINATOR.value,
    _NUM_PROCESSES.value,
    _PROCESS_ID.value,
    _COORDINATOR_TIMEOUT.value,
  )
  given = _MATMUL_PRECISION.value
  matmul = jax.default_matmul_precision(given) if given else nullcontext()
  with matmul, join.explain_lost_processes():
    return _COMMANDS[command](arguments)


def _config():
  if _CONFIG.value is None:
    raise ValueError(
      "a --config is needed, as in --config=experiments/configs/adversarial/"
      "mnist_pgd.py"
    )
  return _CONFIG.value


def _config_of(checkpoint: pathlib.Path) -> ConfigDict:
  """Returns the config of the command line, or that of the run."""
  return _CONFIG.value or workdir.read_config(checkpoint, _ALLOW_IMPORTS.value)


def _models(
  checkpoint: pathlib.Path,
) -> tuple[dict[str, Model], ConfigDict, dict[str, list[dict[str, Any]]]]:
  """Returns classifiers by name, the config of their attacks, and records."""
  name = pathlib.Path(_WORKDIR.value or checkpoint).name
  if _WEIGHTS.value is not None:
    config = _config()
    models = {name: from_weights(config, _WEIGHTS.value)}
    return _with_defense(models, config), config, {}
  config = _config_of(checkpoint)
  if "report" in config:
    raise ValueError(
      f"--attack: runs like this one are evaluated by '{config.report}', "
      "which runs no attacks: leave --attack out."
    )
  run = _load_run(checkpoint)
  _refuse_another_model(run, config)
  models = _at_checkpoints(run, name)
  records = {next(iter(models)): run.records}
  return _with_defense(models, config), config, records


def _the_model(models: dict[str, Model]) -> Model:
  """Returns the one to attack or certify: behind the defense, if there is one.

  Raises:
    ValueError: several checkpoints are named.
  """
  if len(_WHICH.value) > 1:
    raise ValueError(
      f"--which={','.join(_WHICH.value)}: expected one checkpoint to attack or "
      "certify."
    )
  return list(models.values())[-1]


def _at_checkpoints(run: Run, name: str) -> dict[str, Model]:
  """Returns the classifier at each checkpoint of --which, by its name."""
  if len(_WHICH.value) == 1:
    return {name: run.classifier()}
  found = {}
  for which in _WHICH.value:
    run = run.at(_checkpoint_name(which))
    found[f"{name}, {which} (step {run.step})"] = run.classifier()
  return found


def _with_defense(
  models: dict[str, Model], config: ConfigDict
) -> dict[str, Model]:
  """Returns the models, and each of them behind the defense, if any."""
  section = config.evaluation.get("defense")
  if _DEFENSE.value is not None:
    section = named_options.section(_DEFENSE.value)
  if section is None:
    return models
  allowed = _allowed_imports()
  return models | {
    f"{name} behind {section['name']}": defended(model, section, allowed)
    for name, model in models.items()
  }


def _load_run(path: pathlib.Path) -> Run:
  return load_run(path, _checkpoint_name(_WHICH.value[0]), _allowed_imports())


def _checkpoint_name(which: str) -> str | int:
  return int(which) if which.isdigit() else which


def _allowed_imports() -> Collection[str]:
  """Returns --allow_imports and the modules that the user's config names."""
  named = imports.named_modules(_CONFIG.value or {})
  return named.union(_ALLOW_IMPORTS.value)


def _refuse_another_model(run: Run, config: ConfigDict) -> None:
  """The model is the run's, whatever else the config changes."""
  # As dicts: a ConfigDict that is locked differs from one that is not.
  here, there = (
    one.get("model", ConfigDict()).to_dict() for one in (config, run.config)
  )
  if here != there:
    raise ValueError(
      f"--config has the model {here}, but the run in {run.path} has {there}: "
      "give a config of that model, or none."
    )


def _workdir() -> pathlib.Path:
  if _WORKDIR.value is not None:
    return pathlib.Path(_WORKDIR.value)
  path = config_flags.get_config_filename(flags.FLAGS["config"])
  name, _, argument = path.partition(":")
  stem = pathlib.Path(name).stem
  return pathlib.Path("runs") / (f"{stem}_{argument}" if argument else stem)


def _checkpoint() -> pathlib.Path:
  """Returns the folder of the run that is evaluated."""
  if _CHECKPOINT.value is not None:
    return pathlib.Path(_CHECKPOINT.value)
  if _WORKDIR.value is None and _CONFIG.value is None:
    raise ValueError(
      "a finished run is needed: give its directory as --checkpoint or as "
      "--workdir."
    )
  return _workdir()


def _beside(checkpoint: pathlib.Path, folder: str) -> pathlib.Path:
  """Where the report goes: --workdir, if the run is named by --checkpoint."""
  if _CHECKPOINT.value is not None and _WORKDIR.value is not None:
    return _workdir()
  return checkpoint / folder


def _no_more(arguments: Sequence[str]) -> None:
  if arguments:
    raise ValueError(
      f"unexpected {' '.join(arguments)!r}: options are --name=value."
    )


def command(argv: Sequence[str] | None = None) -> int:
  """Runs a command line.

  Args:
    argv: the program's name and its arguments; None for `sys.argv`, as in the
      installed command `robust-jax`.

  Returns:
    The exit status, see `run_command`.
  """
  argv = sys.argv if argv is None else argv
  status = run_command(
    lambda: main(parse_flags(argv, flags.FLAGS, __doc__)),
    show_traceback="--traceback" in argv,
  )
  if status == ERROR:
    join.leave(status)
  return status


if __name__ == "__main__":
  raise SystemExit(command())
