"""Exit statuses of commands, and their errors of one line."""

import importlib
import os
import pathlib
import re
import subprocess
import sys
import threading

import pytest
from ml_collections import ConfigDict

from experiments.cli.run_command import HelpShown, run_command
from experiments.studies import label_shift
from tests.unit.command_line import command_line

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = {
  ".".join(path.relative_to(ROOT).with_suffix("").parts): path
  for path in sorted((ROOT / "experiments").rglob("*.py"))
  if '__name__ == "__main__"' in path.read_text()
}
STUDIES = [name for name in PROGRAMS if ".studies." in name]


@pytest.fixture(autouse=True)
def hooks():
  """They stay as a command sets them, which here is no process of its own."""
  before = threading.excepthook, sys.unraisablehook
  yield
  threading.excepthook, sys.unraisablehook = before


def raising(error):
  def work():
    raise error

  return work


@pytest.mark.parametrize("status", [0, 3, None])
def test_the_status_is_that_of_the_work(status):
  assert run_command(lambda: status) == (status or 0)


def test_an_interrupt_is_130():
  assert run_command(raising(KeyboardInterrupt())) == 130


def test_help_is_no_error():
  assert run_command(raising(HelpShown())) == 0


def test_bad_input_is_told_in_one_line(tmp_path, capsys):
  arguments = [f"--workdir={tmp_path}"]
  assert run_command(lambda: label_shift.main(arguments)) == 2
  said = capsys.readouterr().err
  assert said.startswith(f"error: {tmp_path} holds no run")
  assert said.count("\n") == 1


def test_a_traceback_on_request(capsys):
  assert run_command(raising(ValueError("no")), show_traceback=True) == 2
  assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("error", "said"),
  [
    (FileNotFoundError(2, "No such file", "a.npz"), "a.npz: No such file."),
    (OSError(28, "No space left on device"), "No space left on device (in "),
    (MemoryError("Unable to allocate 7 TiB"), "out of memory (Unable to"),
    (RuntimeError("RESOURCE_EXHAUSTED: 3 GiB\nat op"), "out of memory (RES"),
    (FloatingPointError("loss is nan"), "loss is nan"),
    # With these a gate's status could be forged.
    (SystemExit(0), "sys.exit(0) was called in "),
    (SystemExit(1), "sys.exit(1) was called in "),
    (SystemExit("stop"), "sys.exit('stop') was called in "),
  ],
)
def test_what_can_be_foreseen_takes_one_line(error, said, capsys):
  assert run_command(raising(error)) == 2
  line = capsys.readouterr().err
  assert line.startswith(f"error: {said}")
  assert line.count("\n") == 1


def test_a_pipe_that_nobody_reads_any_more_is_no_exit_of_a_model(capsys):
  def work():
    try:
      raise BrokenPipeError(32, "Broken pipe")
    except BrokenPipeError:
      sys.exit(1)  # as rich does

  assert run_command(work) == 2
  assert capsys.readouterr().err.startswith("error: standard output is closed")


@pytest.mark.parametrize("read", [lambda c: c.a.c, lambda c: c["a"]["c"]])
def test_a_field_that_a_config_lacks_is_named(read, capsys):
  config = ConfigDict({"a": {"b": 1, "d": 2}})
  assert run_command(lambda: read(config)) == 2
  line = capsys.readouterr().err
  assert line.startswith("error: the config lacks the field 'c'")
  assert line.endswith("has only b, d.\n")


def test_what_was_not_foreseen_is_a_bug_with_its_traceback_in_a_file(
  capsys, tmp_path, monkeypatch
):
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
  assert run_command(raising(AssertionError("odd"))) == 2
  line = capsys.readouterr().err
  assert line.startswith("error: AssertionError: odd (in ")
  assert line.count("\n") == 1
  assert "a bug of robust_jax" in line
  (file,) = tmp_path.iterdir()
  assert str(file) in line
  assert "Traceback" in file.read_text()
  assert "raise error" in file.read_text()


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_run_by_run_command(name):
  source = PROGRAMS[name].read_text()
  last = source[source.index('if __name__ == "__main__"') :]
  assert "command(" in last
  # These end the process by a status of their own.
  assert not re.search(r"argparse|app\.run|sys\.exit", source)


def test_the_help_tells_the_statuses(capsys):
  assert command_line("--help") == 0
  said = capsys.readouterr()
  assert said.err == ""
  assert "Exit status: 0 done, 1 a gate" in said.out
  for flag in ("--workdir:", "--config:", "--families:"):
    assert said.out.count(flag) == 1


@pytest.mark.parametrize("name", STUDIES)
def test_studies_live_in_one_process_and_speak_alike(name, capsys):
  module = importlib.import_module(name)
  assert run_command(lambda: module.main(["--help"])) == 0
  said = capsys.readouterr().out
  assert said.startswith(module.__doc__)
  names = {*module._flags()}
  assert "out" in names or name.endswith("label_shift")  # it prints a flag
  for flag in names:
    assert "-" not in flag
    assert f"--{flag}:" in said or f"--[no]{flag}:" in said
  # A second time nothing is left of the first.
  assert run_command(lambda: module.main(["--no_such_flag=1"])) == 2
  error = capsys.readouterr().err
  assert error.startswith("error: Unknown command line flag 'no_such_flag'")
  assert error.count("\n") == 1


def test_statuses_of_a_process(tmp_path):
  """Also if standard output fails, or there is no such machine."""
  config = "experiments/configs/adversarial/digits_pgd.py:smoke"
  program = [sys.executable, "-m", "experiments.main"]

  def run(*arguments, out=subprocess.PIPE, **environment):
    return subprocess.run(
      [*program, *arguments],
      cwd=ROOT,
      env=os.environ | environment,
      stdout=out,
      stderr=subprocess.PIPE,
      text=True,
      check=False,
    )

  with open("/dev/full", "w") as full:
    refused = run("--help", out=full)
  assert refused.returncode == 2
  assert refused.stderr == (
    "error: standard output cannot be written: No space left on device.\n"
  )

  refused = run(
    "train",
    f"--config={config}",
    f"--workdir={tmp_path}",
    JAX_PLATFORMS="foo",
  )
  assert refused.returncode == 2
  assert refused.stderr.startswith("error: JAX_PLATFORMS=foo: ")
  assert refused.stderr.count("\n") == 1
