"""Many bad inputs: each is status 2 and one line that names the culprit."""

import io
import pathlib
import sys
import zipfile

import numpy as np
import pytest

from experiments.configs.adversarial import digits_pgd
from experiments.workdir import open_run
from tests.unit.command_line import command_line

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = "--config=experiments/configs/adversarial/digits_pgd.py:smoke"

# ml_collections imports configs by a method that is to go.
pytestmark = pytest.mark.filterwarnings(
  "ignore:the load_module:DeprecationWarning"
)


@pytest.fixture
def refused(tmp_path, capsys, monkeypatch):
  """Runs the command line, which is to fail; returns the line it says."""

  def run(*arguments):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert command_line(*arguments) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "a bug of robust_jax" not in said, said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said

  return run


@pytest.mark.parametrize(
  ("flag", "said"),
  [
    ("data.image_shape=3", "config.data has no field 'image_shape'"),
    ("optimizer.schedul=cosine", "did you mean 'schedule'?"),
    ("optimizer.schedule.x=1", "config.optimizer.schedule is 'cosine'"),
    ("optimizer=cosine", "--config.optimizer is a section"),
    ("evaluation.radii=None", "config.evaluation.radii has None"),
    ("evaluation.radii=abc", "config.evaluation.radii has 'abc'"),
    ("evaluation.radii=(-0.1,)", "config.evaluation.radii has -0.1"),
    ("evaluation.batch_size=0", "config.evaluation.batch_size = 0"),
    ("evaluation.batch_size=100000000000000000000", "evaluation.batch_size"),
    ("evaluation.attacks.pgd.set.eps=-1.0", "eps = -1.0"),
    ("evaluation.autoattack.eps=nan", "config.evaluation.autoattack.eps = nan"),
    ("evaluation.autoattack.eps=-0.1", "autoattack.eps has -0.1"),
    ("task.accumulation_steps=3", "accumulation_steps = 3 does not divide"),
    ("training.num_epochs=inf", "training.num_epochs = inf"),
    ("training.num_epochs=-1.0", "training.num_epochs = -1.0"),
    ("training.num_epochs=0.0", "training.num_epochs = 0.0"),
    ("training.num_epochs=nan", "config.training.num_epochs = nan"),
    ("training.num_epochs=many", "--config.training.num_epochs=many"),
    ("training.evaluate_every_epochs=-1.0", "training.evaluate_every_epochs"),
    ("training.max_drop=nan", "config.training.max_drop = nan"),
    ("training.max_drop=-0.5", "training.max_drop = -0.5"),
    ("training.batch_size=-3", "config.training.batch_size = -3"),
    ("training.keep_last=0", "training.keep_last = 0"),
    ("optimizer.learning_rate=-0.1", "optimizer.learning_rate = -0.1"),
    ("optimizer.learning_rate=nan", "config.optimizer.learning_rate = nan"),
    ("optimizer.learning_rate=inf", "optimizer.learning_rate = inf"),
    ("seed=100000000000000000000", "config.seed = 100000000000000000000"),
    ("seed=-1", "config.seed = -1"),
    ("loss.attack.set.eps=nan", "config.loss.attack.set.eps = nan"),
  ],
)
def test_a_field_that_is_not_there_or_a_value_that_it_cannot_have(
  flag, said, refused, tmp_path
):
  workdir = tmp_path / "run"
  line = refused("train", CONFIG, f"--config.{flag}", f"--workdir={workdir}")
  assert said in line
  assert not workdir.exists()


@pytest.mark.parametrize(
  ("arguments", "said"),
  [
    (["train", "--config=cosine"], "there is no file 'cosine'"),
    (["train", "--config=x/digit_pgd.py"], "mean experiments/configs/advers"),
    (["train", "--config=experiments"], "there is no file 'experiments'"),
    (["train", "--config="], "--config=: there is no file ''"),
    (["train", "--config.seed=1"], "config.seed"),
    (["train", "--confg=x"], "confg"),
    (["evaluate", CONFIG, "--num_examples=0"], "--num_examples=0"),
    (["evaluate", CONFIG, "--num_examples=x"], "--num_examples=x"),
    (["evaluate", CONFIG, f"--num_examples={10**20}"], "--num_examples = 1"),
    (["evaluate", CONFIG, "--attack="], "--attack=: expected one value"),
    (["compare", "--families="], "--families=: expected one value"),
    (["compare", "--max_overall=nan"], "--max_overall = nan"),
    (["compare", "--seed=-1"], "--seed=-1"),
    (["data"], "data needs a name"),
  ],
)
def test_a_flag_that_is_not_there_or_a_value_that_it_cannot_have(
  arguments, said, refused
):
  assert said in refused(*arguments)


@pytest.mark.parametrize(
  ("text", "said"),
  [
    ("import nothing_of_that_name", "ModuleNotFoundError"),
    ("def get_config(:", "SyntaxError"),
    ("x = 3", "has no function get_config"),
    ("def get_config(): return {}['a']", "KeyError: 'a'"),
    ("def get_config(): raise OSError('gone')", "OSError: gone"),
    ("def get_config(): raise ValueError('not so')", "not so"),
    ("raise SystemExit(0)", "sys.exit(0) was called"),
  ],
)
def test_a_config_file_that_fails_is_named(text, said, refused, tmp_path):
  file = tmp_path / "mine.py"
  file.write_text(text + "\n")
  line = refused("train", f"--config={file}", f"--workdir={tmp_path}/run")
  assert said in line
  assert str(file) in line or said == "not so"


def _npz_that_claims(shape):
  """An archive whose one array's header promises more than there is."""
  header = io.BytesIO()
  np.lib.format.write_array_header_1_0(
    header, {"descr": "<f4", "fortran_order": False, "shape": shape}
  )
  archive = io.BytesIO()
  with zipfile.ZipFile(archive, "w") as file:
    file.writestr("weight.npy", header.getvalue() + b"\0" * 64)
  return archive.getvalue()


FILES = {
  "missing.npz": None,
  "missing.safetensors": None,
  "folder.npz": "a folder",
  "folder.safetensors": "a folder",
  "empty.npz": b"",
  "seven_tebibytes.npz": _npz_that_claims((2**20, 2**21)),
  "overflow.npz": _npz_that_claims((2**62, 2**62)),
  "garbage.safetensors": b"\xff" * 100,
  "pickle.pt": b"x",
}


@pytest.mark.parametrize("name", FILES)
def test_weights_that_cannot_be_read_are_named(name, refused, tmp_path):
  path = tmp_path / name
  if FILES[name] == "a folder":
    path.mkdir()
  elif FILES[name] is not None:
    path.write_bytes(FILES[name])
  flags = (f"--weights={path}", f"--workdir={tmp_path}/run")
  assert str(path) in refused("evaluate", CONFIG, *flags)
  # Before data are opened, which may have to be downloaded first.
  without_data = "--config.data.name=not_there"
  assert str(path) in refused("evaluate", CONFIG, without_data, *flags)
  assert not (tmp_path / "run").exists()


SHAPES = ["", "{", "[]", "3", "null", "{}", '{"training": 3}', '{"a.b": 1}']


@pytest.mark.parametrize("text", SHAPES)
@pytest.mark.parametrize("command", ["train", "evaluate", "compare"])
def test_a_config_of_a_run_that_is_damaged_is_named(
  command, text, refused, tmp_path
):
  (tmp_path / "config.json").write_text(text)
  arguments = {
    "train": ["train", CONFIG, f"--workdir={tmp_path}"],
    "evaluate": ["evaluate", f"--workdir={tmp_path}"],
    "compare": [
      "compare",
      f"--models=a={tmp_path}",
      "--data=digits",
      f"--out={tmp_path}/out",
    ],
  }
  said = refused(*arguments[command])
  assert str(tmp_path) in said.replace("config.json", "")
  assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"status": "finished"'])
def test_an_outcome_that_is_damaged_is_named(text, refused, tmp_path):
  open_run(tmp_path, digits_pgd.get_config("smoke"))
  (tmp_path / "train_result.json").write_text(text)
  said = refused("train", CONFIG, f"--workdir={tmp_path}")
  assert f"{tmp_path}/train_result.json" in said
  assert "Delete it" in said


@pytest.mark.parametrize("status", [0, 1])
def test_a_model_that_ends_the_process_gives_no_gate_its_status(
  status, refused, tmp_path, monkeypatch
):
  (tmp_path / "ends.py").write_text(
    f"import sys\ndef predict(images): sys.exit({status})\n"
  )
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.delitem(sys.modules, "ends", raising=False)
  said = refused(
    "compare",
    "--models=a=ends:predict",
    "--data=digits",
    "--num_examples=20",
    "--families=noise",
    "--max_overall=100",
    f"--out={tmp_path}/out",
  )
  assert f"sys.exit({status}) was called in {tmp_path}/ends.py" in said
