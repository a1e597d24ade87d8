"""Folders that commands write to: locked, and tried before the work."""

import dataclasses
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from experiments import build
from experiments.build import data
from experiments.build.with_overrides import with_overrides
from experiments.cli.output import locked, writable
from experiments.configs import common
from experiments.configs.adversarial import digits_pgd
from experiments.evaluate import evaluate
from experiments.evaluate_attacks import evaluate_attacks
from experiments.origin import origin
from experiments.studies import (
  adaptation_methods,
  transfer_matrix,
  universal_attacks,
)
from experiments.train import train

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOLDER = (
  "import pathlib, sys, time; from experiments.cli.output import locked\n"
  "with locked(pathlib.Path(sys.argv[1]), '--out'):\n"
  "  print('inside', flush=True); time.sleep(600)"
)


@pytest.fixture
def held(tmp_path):
  """A folder in which another process is at work, and that process."""
  process = subprocess.Popen(
    [sys.executable, "-c", HOLDER, tmp_path / "run"],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    text=True,
  )
  assert process.stdout.readline() == "inside\n"
  yield tmp_path / "run", process
  process.kill()
  process.communicate()


def test_two_at_once_are_refused_and_a_killed_one_leaves_nothing(held):
  folder, process = held
  with pytest.raises(ValueError, match=r"is using .*/run:"):
    train(digits_pgd.get_config("smoke"), folder)
  assert list(folder.iterdir()) == []
  process.send_signal(signal.SIGKILL)
  process.wait()
  with locked(folder, "--workdir"):
    assert list(folder.iterdir()) == []
  with locked(folder, "--workdir"):  # and again
    pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
  file = tmp_path / "file"
  file.write_text("")
  for folder in (file, file / "below", pathlib.Path("/proc/nothing")):
    for enter in (writable, lambda *given: locked(*given).__enter__()):
      with pytest.raises(
        ValueError, match=f"{folder} cannot be written .*another --out"
      ):
        enter(folder, "--out")
  writable(tmp_path / "new" / "one", "--out")
  assert list((tmp_path / "new" / "one").iterdir()) == []


CONFIG = digits_pgd.get_config("smoke")
DANN = ["--experiment=digits_dann", "--methods=dann"]


@pytest.mark.parametrize(
  "work",
  [
    lambda path: train(CONFIG, path),
    lambda path: evaluate({}, CONFIG, path),
    lambda path: evaluate_attacks(None, CONFIG, ["pgd"], path),
    lambda path: adaptation_methods.main([*DANN, f"--out={path}"]),
    lambda path: transfer_matrix.main([f"--out={path}"]),
    lambda path: universal_attacks.main(["--models=a=/b", f"--out={path}"]),
  ],
)
def test_what_cannot_be_written_is_found_out_before_the_work(work, tmp_path):
  path = tmp_path / "file"
  path.write_text("")
  with pytest.raises(ValueError, match=f"^{path} cannot be written"):
    work(path)


def test_a_run_on_other_data_is_refused(tmp_path, monkeypatch):
  """The config names the data and does not hold them."""
  config = digits_pgd.get_config("smoke")
  train(config, tmp_path)
  assert train(config, tmp_path).status == "finished"

  read = data.load

  def relabeled(*arguments, **options):
    dataset = read(*arguments, **options)

    def relabel(indices):
      stored = dataset.read(indices)
      y = np.where(indices == 0, 9 - stored["y"], stored["y"])
      return stored | {"y": y}

    return dataclasses.replace(dataset, read=relabel)

  monkeypatch.setattr(data, "load", relabeled)
  with pytest.raises(ValueError, match="the training data, the validation"):
    train(config, tmp_path)


def test_what_a_run_begins_with_is_part_of_it(tmp_path):
  """Fine-tuning from a run that was trained anew is another run."""
  config = common.finish(common.classifier("digits", "mlp", 0.1), "smoke")
  loaders = build.loaders(config)[:2]
  digests = []
  for seed in (0, 1):
    begun = tmp_path / str(seed)
    train(with_overrides(config, {"seed": seed}), begun)
    continued = with_overrides(config, {"warm_start": {"run": str(begun)}})
    for _ in range(2):
      parts = origin(continued, *loaders)
      digests.append(parts[f"the warm start from {begun}"])
  assert digests[0] == digests[1] != digests[2] == digests[3]
