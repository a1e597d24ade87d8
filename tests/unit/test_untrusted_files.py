"""Files that somebody hands over cannot act: each is tried."""

import ast
import io
import json
import pathlib
import pickle
import tarfile

import numpy as np
import pytest

from experiments import workdir
from experiments.build import imports
from experiments.configs.adversarial import digits_pgd
from experiments.load_run import load_run
from robust_jax.attacks.autoattack import suite_state
from robust_jax.data.builders import _bsds500, _cifar10, usps
from robust_jax.data.readers import natural_shift_folders as folders
from robust_jax.data.readers.load_npz import load_npz
from robust_jax.data.tfds import find_builder
from robust_jax.files import atomic_write
from tests.unit.command_line import command_line
from tests.unit.trap import Trap

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = [*ROOT.glob("robust_jax/**/*.py"), *ROOT.glob("experiments/**/*.py")]


def handed_over(path, change):
  """The work directory of a run whose config has been tampered with."""
  config = json.loads(digits_pgd.get_config("smoke").to_json())
  change(config)
  path.mkdir()
  (path / "config.json").write_text(json.dumps(config))
  return path


# ml_collections imports configs by a method that is to go.
@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
@pytest.mark.parametrize("config", [[], [f"--config={digits_pgd.__file__}"]])
def test_a_report_that_would_delete_the_directory(tmp_path, capsys, config):
  path = handed_over(
    tmp_path / "run", lambda c: c.update(report="shutil:rmtree")
  )
  assert command_line("evaluate", f"--workdir={path}", *config) != 0
  said = capsys.readouterr().err
  assert "config.json names 'shutil:rmtree'" in said
  assert "--allow_imports=shutil" in said
  assert (path / "config.json").exists()


@pytest.mark.parametrize("name", ["prepare_data", "run_command", "main"])
def test_a_report_is_not_just_any_function_of_ours(tmp_path, capsys, name):
  path = handed_over(tmp_path / "run", lambda c: c.update(report=name))
  assert command_line("evaluate", f"--workdir={path}") == 2
  assert (
    "in experiments.reports; it has adaptation_report, "
    in capsys.readouterr().err
  )


TRAP = "trap_module:act"
PLACES = {
  "attack": lambda c: c["loss"].update(attack={"name": TRAP}),
  "search": lambda c: c["loss"]["attack"]["search"].update(name=TRAP),
  "set": lambda c: c["loss"]["attack"]["set"].update(name=TRAP),
  "objective": lambda c: c["loss"]["attack"].update(objective=TRAP),
  "model": lambda c: c["model"].update(name=TRAP),
  "task": lambda c: c["task"].update(name=TRAP),
  "evaluator": lambda c: c["evaluator"].update(name=TRAP),
  "evaluation": lambda c: c["evaluation"]["attacks"].update(a={"name": TRAP}),
  "in a list": lambda c: c.update(augment=[{"name": "flip"}, {"name": TRAP}]),
  "a key": lambda c: c.update(thresholds={TRAP: 0.5}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", ["evaluate", "audit", "compare"])
def test_no_name_in_a_config_is_imported(
  tmp_path, monkeypatch, capsys, place, command
):
  (tmp_path / "trap_module.py").write_text("open('sprung', 'w')\n")
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.chdir(tmp_path)
  run = handed_over(tmp_path / "run", PLACES[place])
  arguments = {
    "evaluate": ("evaluate", f"--workdir={run}"),
    "audit": ("evaluate", f"--checkpoint={run}", "--attack=autoattack"),
    "compare": ("compare", f"--models=A={run}", "--data=digits", "--out=out"),
  }
  assert command_line(*arguments[command]) == 2
  assert f"names '{TRAP}'" in capsys.readouterr().err
  assert not (tmp_path / "sprung").exists()


def test_what_a_person_allows_or_names_may_be_imported(tmp_path):
  run = handed_over(tmp_path / "run", PLACES["attack"])
  assert workdir.read_config(run, ["trap_module"]).loss.attack.name == TRAP
  for others in ([], ["trap"], ["trap_module.act"], ["trap_module:act"]):
    with pytest.raises(ValueError, match="--allow_imports=trap_module"):
      workdir.read_config(run, others)
  # A package with all in it.
  imports.refuse_imports({"name": "a.b:c"}, ["a"], run)
  with pytest.raises(ValueError, match="no module named 'trap_module'"):
    load_run(run, allow_imports=["trap_module"])
  with pytest.raises(ValueError, match="--allow_imports=trap_module"):
    load_run(run)
  # These only look like it.
  data = {"train": "train[:10%]", "name": "mnist:3.0.1", "run": "C:\\runs"}
  imports.refuse_imports(data, [], run)


# ml_collections imports configs by a method that is to go.
@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
def test_what_a_persons_own_config_names_may_be_imported(tmp_path, capsys):
  run = handed_over(tmp_path / "run", PLACES["attack"])
  own = tmp_path / "own.py"
  own.write_text(
    "from experiments.configs.adversarial import digits_pgd\n"
    "def get_config():\n"
    "  config = digits_pgd.get_config('smoke')\n"
    f"  config.loss.attack = {{'name': '{TRAP}'}}\n"
    "  return config\n"
  )
  assert command_line("evaluate", f"--workdir={run}", f"--config={own}") == 2
  assert "no module named 'trap_module'" in capsys.readouterr().err


READERS = {
  "any.npz": load_npz,
  "state.npz": lambda p: suite_state.SuiteState(
    np.zeros((1, 2)), 1, ""
  ).restore(p),
  "test.npz": lambda p: _cifar10.from_arrays(p.parent, [p.name]),
  "cifar10.1_v6_data.npy": lambda p: folders.cifar10_1(p.parent, "v6"),
  usps._ARRAYS: lambda p: usps._read("test"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("bare", [True, False])
def test_no_array_is_unpickled(tmp_path, monkeypatch, name, bare):
  monkeypatch.setenv("ROBUST_JAX_DATA", str(tmp_path))
  path, sprung = tmp_path / "raw/usps" / name, tmp_path / "sprung"
  path.parent.mkdir(parents=True)
  trap = np.empty(1, object)
  trap[0] = Trap(sprung)
  with path.open("wb") as file:
    if bare:
      pickle.dump(Trap(sprung), file)
    elif path.suffix == ".npy":
      np.save(file, trap)
    else:
      names = ("fingerprint", "blob", "offsets", "y", "x_test_milli", "y_test")
      np.savez(file, **dict.fromkeys(names, trap))
  with pytest.raises(ValueError, match=r"pickle|Object arrays"):
    READERS[name](path)
  assert not sprung.exists()


def test_nothing_is_written_through_a_link(tmp_path):
  mine = tmp_path / "mine"
  mine.write_text("precious")
  run = handed_over(tmp_path / "run", lambda c: None)
  for name in ("report.json", "report.partial.json"):
    (run / name).symlink_to(mine)
  with atomic_write(run / "report.json") as new:
    new.write_text("{}")
  assert mine.read_text() == "precious"
  assert not (run / "report.json").is_symlink()


@pytest.mark.parametrize("name", ["checkpoints", "tensorboard", "attacks"])
def test_a_link_that_leads_out_of_a_run_is_refused(tmp_path, name):
  run = handed_over(tmp_path / "run", lambda c: None)
  (tmp_path / "other").mkdir()
  (run / name).symlink_to(tmp_path / "other")
  config = digits_pgd.get_config("smoke")
  for use in (
    lambda: workdir.read_config(run),
    lambda: workdir.open_run(run, config),
    lambda: workdir.open_checkpoints(run).__enter__(),
  ):
    with pytest.raises(ValueError, match=f"{name} is a link to .*other"):
      use()
  # One within the run harms nobody, and the run itself may be linked to.
  (run / name).unlink()
  (run / name).symlink_to(run / "elsewhere")
  (tmp_path / "link").symlink_to(run)
  workdir.read_config(tmp_path / "link")


def test_an_archive_writes_nothing(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv("ROBUST_JAX_DATA", str(tmp_path))
  (tmp_path / "raw/bsds500").mkdir(parents=True)
  archive = tmp_path / "raw/bsds500/photographs.tar"
  with tarfile.open(archive, "w") as tar:
    for name in ("../images/test/x.jpg", f"{tmp_path}/images/test/y.jpg"):
      member = tarfile.TarInfo(name)
      member.size = 3
      tar.addfile(member, io.BytesIO(b"abc"))
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE):
      member = tarfile.TarInfo(f"images/test/{kind.decode()}.jpg")
      member.type, member.linkname = kind, "/etc/hostname"
      tar.addfile(member)
  with pytest.raises(ValueError, match="has 2 photographs"):
    _bsds500.photographs(["test"])
  assert sorted(p.name for p in tmp_path.rglob("*")) == [
    "bsds500",
    "photographs.tar",
    "raw",
  ]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("key", ["pythonClassName", "type"])
def test_a_data_folder_names_no_module(tmp_path, monkeypatch, nested, key):
  (tmp_path / "trap_module.py").write_text("open('sprung', 'w')\n")
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.chdir(tmp_path)
  folder = tmp_path / "shapes/1.0.0"
  folder.mkdir(parents=True)
  features = {key: "trap_module.Feature", "content": {}}
  if nested:
    features = {
      "type": "tensorflow_datasets.core.features.features_dict.FeaturesDict",
      "content": json.dumps({"features": {"image": features}}),
    }
  (folder / "features.json").write_text(json.dumps(features))
  (folder / "dataset_info.json").write_text(json.dumps({"name": "shapes"}))
  with pytest.raises(ValueError, match=r"'trap_module.Feature' imported"):
    find_builder("shapes", str(tmp_path))
  assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["huggingface:glue", "kubric:movi_a"])
def test_no_code_of_a_community_is_fetched(tmp_path, name):
  with pytest.raises(ValueError, match="a community, whose code"):
    find_builder(name, str(tmp_path))


@pytest.mark.parametrize(
  "path", OURS, ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_the_code_has_no_reader_that_can_act(path):
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.Import | ast.ImportFrom):
      names = {alias.name for alias in node.names}
      names.add(getattr(node, "module", ""))
      assert names.isdisjoint({"pickle", "dill", "shelve", "marshal", "joblib"})
    elif isinstance(node, ast.Call):
      called = ast.unparse(node.func)
      assert called not in ("eval", "exec", "os.system"), called
      assert not called.endswith((".extractall", ".extract")), called
      if called == "np.load":
        options = {k.arg: ast.unparse(k.value) for k in node.keywords}
        assert options.get("allow_pickle") == "False", ast.unparse(node)
