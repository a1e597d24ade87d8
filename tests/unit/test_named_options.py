"""Flags that change what a section names, or options the config leaves out."""

import inspect
import sys

import jax.numpy as jnp
import pytest
from absl.testing import flagsaver

from experiments import evaluate_attacks, main
from experiments.build import sections
from experiments.build.options import check_options, own_options
from experiments.cli import main_flags
from experiments.configs.adversarial import digits_pgd
from robust_jax import lookup
from tests.contract.members import SEARCHES, SETS

# ml_collections imports configs by a method that is to go.
pytestmark = pytest.mark.filterwarnings(
  "ignore:the load_module:DeprecationWarning"
)
NOISY = "own_attacks:noisy_sign"


@pytest.fixture(autouse=True)
def own_attacks(tmp_path, monkeypatch):
  (tmp_path / "own_attacks.py").write_text(
    "def noisy_sign(key, logits_fn, x, labels, *, eps=0.1, num_steps=5,\n"
    "               sizes=(1, 2), start=None):\n"
    "  return x + eps\n"
    "def needy(key, logits_fn, x, labels, *, eps): return x\n"
  )
  monkeypatch.syspath_prepend(tmp_path)


def config(monkeypatch, *overrides):
  """The config as the command line makes it."""
  argv = ["main", f"--config={digits_pgd.__file__}"]
  argv += [f"--config.{override}" for override in overrides]
  monkeypatch.setattr(sys, "argv", argv)
  with flagsaver.flagsaver():
    main.parse_flags(argv, main.flags.FLAGS, "")
    return main_flags.CONFIG.value


def test_an_attack_of_ones_own_gets_its_options(monkeypatch, capsys):
  made = config(
    monkeypatch,
    f"loss.attack.name={NOISY}",
    "loss.attack.eps=0.25",
    "loss.attack.num_steps=2",
    "loss.attack.start=[1]",
  )
  expected = {"name": NOISY, "eps": 0.25, "num_steps": 2, "start": (1,)}
  assert made.loss.attack.to_dict() == expected
  attack = sections.attack(made.loss.attack)
  x = jnp.full((1, 2, 2, 1), 0.5)
  logits_fn = lambda x: x.reshape(len(x), -1)
  moved = attack(None, logits_fn, x, jnp.zeros(1, jnp.int32))
  assert jnp.allclose(moved, 0.75)
  said = capsys.readouterr().err
  assert (
    f"loss.attack is {NOISY} now, which lacks these options of compose" in said
  )
  assert all(section in said for section in ("search", "set", "objective"))


def test_of_several_processes_one_says_what_was_left_out(monkeypatch, capsys):
  for one in ("--process_id=0", "--process_id=1", "--processes=2"):
    argv = ["main", f"--config={digits_pgd.__file__}", one]
    argv.append("--config.loss.attack.search.name=fgsm")
    monkeypatch.setattr(sys, "argv", argv)
    with flagsaver.flagsaver():
      main.parse_flags(argv, main.flags.FLAGS, "")
    said = capsys.readouterr().err
    assert said.count("search is fgsm now") == (one == "--process_id=0")


def test_an_attack_of_ones_own_may_be_added_and_asked_for(monkeypatch):
  made = config(
    monkeypatch,
    f"evaluation.attacks.noisy.name={NOISY}",
    "evaluation.attacks.noisy.eps=0.2",
  )
  assert made.evaluation.attacks.noisy.to_dict() == {"name": NOISY, "eps": 0.2}
  stages = evaluate_attacks._stages(made, ["noisy", NOISY, "fgsm"], 10)
  assert [stage.name for stage in stages] == ["noisy", NOISY, "fgsm"]


@pytest.mark.parametrize(
  "overrides",
  [
    ["data.extra.file=x.npz", "data.extra.fraction=1/2"],
    ["data.extra={'file': 'x.npz', 'fraction': 0.5}"],
  ],
)
def test_extra_data_may_be_added(monkeypatch, overrides):
  made = config(monkeypatch, *overrides)
  assert made.data.extra.to_dict() == {"file": "x.npz", "fraction": 0.5}


@pytest.mark.parametrize(
  ("overrides", "message"),
  [
    (
      ["data.extra.fractoin=0.5"],
      "has no field 'fractoin'; did you mean 'fraction'? It has fraction,",
    ),
    (["loss.attack.eps=0.2"], "config.loss.attack has no field 'eps'"),
    (
      [f"loss.attack.name={NOISY}", "loss.attack.epsilon=1.0"],
      "has no field 'epsilon'; did you mean 'eps'? It has name, eps, num_steps",
    ),
    (
      [f"loss.attack.name={NOISY}", "loss.attack.eps=big"],
      "config.loss.attack.eps=big",
    ),
    (
      [f"loss.attack.name={NOISY}", "loss.attack.num_steps=1.5"],
      "loss.attack.num_steps=1.5",
    ),
    (
      ["loss.attack.search.name=fgsm", "loss.attack.search.num_steps=3"],
      "config.loss.attack.search has no field 'num_steps'",
    ),
    (
      ["loss.attack.search.name=pgdd"],
      "no 'pgdd' in robust_jax.search; did",
    ),
    (["nothing.name=pgd"], "config has no field 'nothing'"),
  ],
)
def test_what_a_thing_does_not_take_is_refused(monkeypatch, overrides, message):
  with pytest.raises(ValueError, match=r"\w") as refused:
    config(monkeypatch, *overrides)
  assert message in str(refused.value)


def test_a_missing_option_is_asked_for():
  with pytest.raises(
    ValueError, match="needy needs the option 'eps'; it takes"
  ):
    sections.attack({"name": "own_attacks:needy"})


def test_defaults_that_a_config_leaves_out_can_be_set(monkeypatch):
  made = config(
    monkeypatch,
    "model.mean=(0.5,)",
    "optimizer.b1=0.5",
    "loss.attack.search.direction=adam",
    "training.num_epochs=2",
  )
  assert made.model.to_dict() == {"name": "small_cnn", "mean": (0.5,)}
  assert made.optimizer.b1 == 0.5
  assert made.loss.attack.search.direction == "adam"
  assert made.training.num_epochs == 2.0


@pytest.mark.parametrize("search", SEARCHES)
def test_any_search_takes_anothers_place(monkeypatch, search):
  made = config(monkeypatch, f"loss.attack.search.name={search}")
  options = made.loss.attack.search.to_dict()
  assert options.pop("name") == search
  taken = own_options(lookup.find("search", search), 4)
  assert options.keys() <= taken.keys()
  # What both take is kept.
  assert options.get("num_steps") == (7 if "num_steps" in taken else None)
  needed = [n for n, d in taken.items() if d is inspect.Parameter.empty]
  if options.keys() >= set(needed):
    sections.attack(made.loss.attack)


@pytest.mark.parametrize("name", SETS)
def test_any_set_takes_anothers_place(monkeypatch, name):
  options = config(
    monkeypatch, f"loss.attack.set.name={name}"
  ).loss.attack.set.to_dict()
  assert options.pop("name") == name
  assert (
    options.keys() <= own_options(lookup.find("perturbations", name)).keys()
  )


@pytest.mark.parametrize("search", SEARCHES)
def test_messages_list_options_alone(search):
  with pytest.raises(ValueError, match="has no option 'zzz'") as refused:
    check_options(lookup.find("search", search), {"zzz": 1}, 4)
  for positional in ("key", "objective", "pset", " x"):
    assert f"{positional}," not in str(refused.value)
