"""Robust and adversarial optimization in JAX, from the command line.

  ./launch.sh                          train, attack and compare on real digits
  ./launch.sh train --config=experiments/configs/adversarial/mnist_pgd.py
  ./launch.sh train --config=experiments/configs/adversarial/mnist_pgd.py:smoke
  ./launch.sh train --config=experiments/configs/adversarial/mnist_pgd.py \\
      --config.loss.attack.search.num_steps=20 --workdir=runs/mnist_pgd20
  ./launch.sh train --config=experiments/configs/robust/cifar10.py \\
      --plan --devices=8,64            what it would take; trains nothing
  ./launch.sh evaluate --workdir=runs/mnist_pgd20 --baseline=runs/mnist_standard
  ./launch.sh evaluate --weights=model.npz --workdir=runs/model \\
      --config=experiments/configs/adversarial/mnist_pgd.py
  ./launch.sh evaluate --checkpoint=runs/mnist_pgd20 --attack=autoattack \\
      --num_examples=1000
  ./launch.sh attack --workdir=runs/mnist_pgd20 --attack=pgd \\
      --out=runs/adversarial.npz       write adversarial examples
  ./launch.sh attack --workdir=runs/mnist_pgd20 --data=pictures \\
      --attack=autoattack --norm=linf --eps=8/255 --out=runs/adversarial
  ./launch.sh evaluate --weights=wrn.safetensors --layout=deepmind \\
      --model=wide_resnet,depth=70,widen=16 \\
      --config=experiments/configs/adversarial/cifar10_pgd.py
  ./launch.sh export --workdir=runs/mnist_pgd20 --out=model.safetensors
  ./launch.sh evaluate --checkpoint=runs/mnist_smoothing --certify
  ./launch.sh evaluate --workdir=runs/sst2 --attack=pwws,hot_flip \\
      --wordnet=/usr/share/wordnet     attack texts; a page of the differences
  ./launch.sh sample --workdir=runs/mnist_r3gan --num_examples=64 \\
      --out=grid.png                   draw what a generator generates
  ./launch.sh sample --workdir=runs/mnist_conditional --classes=0..4 \\
      --truncation=0.7 --out=grid.png
  ./launch.sh sample --workdir=runs/mnist_conditional --num_examples=50000 \\
      --out=generated.npz              training data, see data.extra
  ./launch.sh --processes 2 train --config=...    two processes on this machine
  ./launch.sh compare --models A=runs/a B=runs/b C=my.module:predict \\
      --data=mnist --out=runs/compared   which of them would you deploy?
  ./launch.sh sweep --config=experiments/configs/adversarial/digits_pgd.py \\
      --grid config.loss.attack.set.eps=0.1,0.2 --seeds=0..2 --out=runs/eps
  ./launch.sh runs runs/eps            list runs: status, step, best metric
  ./launch.sh data mnist               prepare a TFDS dataset
  ./launch.sh version                  versions and devices, for an issue
  ./launch.sh test                     run the tests
  ./launch.sh docs                     build the site of the documentation

Any field of a config can be overridden by --config.<field>=<value>. The same
command resumes a run that was interrupted or killed.

Exit status: 0 done, 1 a gate of `compare` failed, 2 any error, 3 a gate is
inconclusive, 130 interrupted.
"""

import difflib
import pathlib
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext

import jax
from absl import flags

from experiments import workdir
from experiments.attack import attack
from experiments.attack_texts import write_text_attack
from experiments.certify import certify
from experiments.cli import main_flags as given
from experiments.cli import named_attacks, named_models, named_runs, processes
from experiments.cli.parse_flags import parse_flags
from experiments.cli.prepare_data import prepare_data
from experiments.cli.run_command import ERROR, INTERRUPTED, run_command
from experiments.cli.version import version_text
from experiments.compare import command as compare_command
from experiments.compare import data_flags
from experiments.configs.adversarial import digits_pgd
from experiments.demo import demo
from experiments.evaluate import evaluate
from experiments.evaluate_attacks import evaluate_attacks
from experiments.export.run import export
from experiments.planning.command import plan_command, refuse_flags_of_plan
from experiments.sample import sample
from experiments.sweeps.command import sweep_command
from experiments.sweeps.list_runs import list_runs
from experiments.texts.command import evaluate_texts
from experiments.train import make_report, train
from robust_jax.distributed import join


def _train(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  if given.PLAN.value:
    return plan_command()
  refuse_flags_of_plan()
  deadline = time.monotonic() + 60 * given.MAX_MINUTES.value
  outcome = train(named_runs.config(), named_runs.to_train(), deadline=deadline)
  return INTERRUPTED if outcome.status == "interrupted" else 0


def _evaluate(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  named_models.refuse_unused_flags()
  attacks, num_examples = given.ATTACK.value, given.NUM_EXAMPLES.value
  if given.CERTIFY.value and attacks is not None:
    raise ValueError("--certify and --attack: expected one of them at a time.")
  if attacks is None and (given.NORM.value or given.EPS.value is not None):
    raise ValueError(
      "--norm and --eps are of --attack: name one, as in --attack=autoattack."
    )
  path = named_runs.to_evaluate()
  if given.WEIGHTS.value is None and attacks is None:
    config = named_runs.config_of(path)
    if "report" in config:
      named_models.refuse_baseline()
      make_report(path, config, num_examples)
      return 0
  if run := named_models.run_of_texts(path):
    evaluate_texts(run, path, attacks)
    return 0
  found = named_models.load(path)
  if given.WEIGHTS.value is not None:
    workdir.open_run(path, found.config)
  if given.CERTIFY.value:
    out = named_runs.report_folder(path, "certificate")
    certify(found.only(), found.config, out, num_examples)
  elif attacks is not None:
    out = named_runs.report_folder(path, "audit")
    config, names = named_attacks.of_flags(found.config, attacks)
    evaluate_attacks(
      found.only(),
      config,
      names,
      out,
      num_examples,
      given.SAVE_IMAGES.value,
    )
  else:
    models, config, records = found.with_baseline()
    records = {name: record for name, record in records.items() if record}
    evaluate(models, config, named_runs.to_train(), num_examples, records)
  return 0


def _attack(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  named_models.refuse_unused_flags()
  parts = given.ATTACK.value or []
  if sum("=" not in part for part in parts) != 1:
    raise ValueError("attack needs one --attack, as in --attack=pgd.")
  if given.OUT.value is None:
    raise ValueError(
      "attack needs --out, as in --out=adversarial.npz or --out=FOLDER."
    )
  path = pathlib.Path(given.WEIGHTS.value or named_runs.to_evaluate())
  out = pathlib.Path(given.OUT.value)
  if run := named_models.run_of_texts(path):
    named_attacks.refuse_flags_of_images()
    write_text_attack(
      run, parts[0], out, given.NUM_EXAMPLES.value, *named_models.of_texts()
    )
    return 0
  images = data_flags.images_to_attack(given.NUM_EXAMPLES.value)
  found = named_models.load(path, images)
  config, (name,) = named_attacks.of_flags(found.config, parts)
  attack(found.only(), config, name, out, given.NUM_EXAMPLES.value, images)
  return 0


def _export(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  if given.OUT.value is None:
    raise ValueError("export needs --out, as in --out=model.safetensors.")
  run = named_models.one_run(named_runs.to_evaluate(), "export")
  export(run, pathlib.Path(given.OUT.value), given.LAYOUT.value)
  return 0


def _sample(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  if given.OUT.value is None:
    raise ValueError("sample needs --out, as in --out=grid.png.")
  run = named_models.one_run(named_runs.to_evaluate(), "sample from")
  sample(
    run,
    pathlib.Path(given.OUT.value),
    given.NUM_EXAMPLES.value or 64,
    classes=given.CLASSES.value,
    truncation=given.TRUNCATION.value,
    walk=given.WALK.value,
  )
  return 0


def _compare(arguments: Sequence[str]) -> int:
  return compare_command.compare_command(
    arguments,
    given.OUT.value,
    given.BASELINE.value,
    given.NUM_EXAMPLES.value,
    given.ALLOW_IMPORTS.value,
  )


def _sweep(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  return sweep_command()


def _runs(arguments: Sequence[str]) -> int:
  folder, *more = arguments or ["runs"]
  _no_more(more)
  other = given.DIFFERS_FROM.value
  list_runs(pathlib.Path(folder), pathlib.Path(other) if other else None)
  return 0


def _data(arguments: Sequence[str]) -> int:
  if not arguments:
    raise ValueError("data needs a name, as in `./launch.sh data mnist`.")
  for name in arguments:
    prepare_data(name)
  return 0


def _version(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  print(version_text())
  return 0


def _demo(arguments: Sequence[str]) -> int:
  _no_more(arguments)
  config = given.CONFIG.value or digits_pgd.get_config()
  return demo(config, pathlib.Path(given.WORKDIR.value or "runs/demo"))


_COMMANDS = {
  "train": _train,
  "evaluate": _evaluate,
  "attack": _attack,
  "export": _export,
  "sample": _sample,
  "compare": _compare,
  "sweep": _sweep,
  "runs": _runs,
  "data": _data,
  "demo": _demo,
  "version": _version,
}


def main(argv: Sequence[str]) -> int:
  """Runs one command; returns the exit status."""
  command, *arguments = argv[1:] or ["demo"]
  if command not in _COMMANDS:
    near = difflib.get_close_matches(command, _COMMANDS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "see --help."
    raise ValueError(f"there is no command '{command}'; {hint}")
  if given.PROCESSES.value is not None:
    return processes.spawn(given.PROCESSES.value, sys.argv[1:])
  join.join(
    given.COORDINATOR.value,
    given.NUM_PROCESSES.value,
    given.PROCESS_ID.value,
    given.COORDINATOR_TIMEOUT.value,
  )
  precision = given.MATMUL_PRECISION.value
  matmul = (
    jax.default_matmul_precision(precision) if precision else nullcontext()
  )
  with matmul, join.explain_lost_processes():
    return _COMMANDS[command](arguments)


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
