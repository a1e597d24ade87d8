"""Attacks as flags describe them: names, options, one ball for all."""

import pytest
from ml_collections import ConfigDict

from experiments.build import sections
from experiments.cli.named_attacks import named_attacks
from experiments.configs import common
from tests.unit.command_line import command_line

OWN = "robust_jax.search.pgd:pgd"  # any function of four arguments and options


@pytest.fixture
def config():
  return common.classifier("digits", "mlp", 0.25).lock()


def test_without_flags_the_config_is_as_it_was(config):
  found, names = named_attacks(config, ["pgd", "autoattack", OWN])
  assert names == ["pgd", "autoattack", OWN]
  assert found.to_dict() == config.to_dict()


def test_an_attack_of_ones_own_has_options_by_the_name_of_its_function(config):
  found, names = named_attacks(config, [OWN, "num_steps=3"])
  assert names == ["pgd"]
  section = found.evaluation.attacks.pgd.to_dict()
  assert section == {"name": OWN, "num_steps": 3}


def test_options_are_those_of_the_attack_its_set_or_its_search(config):
  parts = ["pgd", "num_steps=3", "eps=8/255", "objective=margin", "fgsm"]
  found, names = named_attacks(config, parts)
  assert names == ["pgd", "fgsm"]
  pgd = found.evaluation.attacks.pgd
  assert (pgd.search.num_steps, pgd.set.eps) == (3, 8 / 255)
  assert pgd.objective == "margin"
  assert found.evaluation.attacks.fgsm == config.evaluation.attacks.fgsm
  sections.attack(pgd)
  version, _ = named_attacks(config, ["autoattack", "version=plus"])
  assert version.evaluation.autoattack.to_dict() == {
    "norm": "linf",
    "eps": 0.25,
    "version": "plus",
  }


def test_one_ball_is_that_of_all_attacks(config):
  parts = ["pgd", "autoattack", "square", "apgd", "num_steps=7"]
  attacks, _ = named_attacks(config, parts, "l2", 0.5)
  evaluation = attacks.evaluation
  assert evaluation.autoattack.norm == "l2"
  assert evaluation.autoattack.eps == 0.5
  ball = {"name": "l2", "eps": 0.5}
  assert evaluation.attacks.pgd.set.to_dict() == ball
  # A member of `attacks`, and one of `search`.
  square = {"name": "square", "norm": "l2", "eps": 0.5}
  assert evaluation.attacks.square.to_dict() == square
  apgd = evaluation.attacks.apgd
  assert apgd.set.to_dict() == ball
  assert apgd.search.to_dict() == {"name": "apgd", "num_steps": 7}
  for name in ("pgd", "square", "apgd"):
    sections.attack(evaluation.attacks[name])


def test_a_radius_alone_keeps_the_norms(config):
  found, _ = named_attacks(config, ["pgd", "rs_fgsm"], None, 0.5)
  assert found.evaluation.attacks.pgd.set.to_dict() == {
    "name": "linf",
    "eps": 0.5,
  }
  assert found.evaluation.attacks.rs_fgsm.eps == 0.5


def test_a_config_without_a_ball_needs_one():
  config = ConfigDict({"evaluation": {}})
  with pytest.raises(ValueError, match="expected a ball, as in --norm=linf"):
    named_attacks(config, ["apgd"])
  found, _ = named_attacks(config, ["apgd"], "l1", 2.0)
  assert found.evaluation.attacks.apgd.set.to_dict() == {
    "name": "l1",
    "eps": 2.0,
  }


@pytest.mark.parametrize(
  ("parts", "ball", "message"),
  [
    (["pgd"], ("l2", None), "--norm=l2: expected its radius too"),
    (["eps=1"], (None, None), "expected the name of an attack first"),
    (["pgd", "stepz=1"], (None, None), "has no option 'stepz'"),
    (["pgd", "eps=1", "pgd", "eps=2"], (None, None), "names 'pgd' twice"),
    (["rs_fgsm"], ("linf", 0.1), "leave --norm out"),
    (["deepfool"], (None, 0.1), "leave --eps out"),
  ],
)
def test_flags_of_no_use_are_refused(config, parts, ball, message):
  with pytest.raises(ValueError, match=message):
    named_attacks(config, parts, *ball)


def test_a_ball_without_an_attack_is_refused(capsys):
  assert command_line("evaluate", "--workdir=none", "--eps=8/255") == 2
  assert "--norm and --eps are of --attack" in capsys.readouterr().err
