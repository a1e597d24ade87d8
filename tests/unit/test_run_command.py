"""What commands have in common: exit statuses, and errors of one line."""

import pytest

from experiments import label_shift
from experiments.run_command import run_command


def test_bad_input_is_told_in_one_line(tmp_path, capsys):
  arguments = [f"--workdir={tmp_path}"]
  assert run_command(lambda: label_shift.main(arguments)) == 2
  said = capsys.readouterr().err
  assert said.startswith(f"error: {tmp_path} holds no run")
  assert said.count("\n") == 1


def test_a_traceback_on_request(tmp_path):
  arguments = [f"--workdir={tmp_path}"]
  with pytest.raises(ValueError, match="holds no run"):
    run_command(lambda: label_shift.main(arguments), traceback=True)


@pytest.mark.parametrize("status", [0, 3, None])
def test_the_status_is_that_of_the_work(status):
  assert run_command(lambda: status) == status


def test_an_interrupt_is_130():
  def work():
    raise KeyboardInterrupt

  assert run_command(work) == 130
