"""Fractions such as 8/255 wherever the command line takes a float."""

import sys

import hypothesis.strategies as st
import pytest
from absl import flags
from absl.testing import flagsaver
from hypothesis import given

from experiments import main
from experiments.cli import main_flags
from experiments.cli.fractions import in_decimals
from experiments.cli.parse_flags import parse_options
from experiments.configs.adversarial import digits_pgd
from experiments.sweeps.combinations import combinations

# ml_collections imports configs by a method that is to go.
pytestmark = pytest.mark.filterwarnings(
  "ignore:the load_module:DeprecationWarning"
)
EPS = "loss.attack.set.eps"
CONFIG = f"--config={digits_pgd.__file__}"


def config(monkeypatch, *arguments):
  """The config as the command line makes it."""
  argv = ["main", CONFIG, *arguments]
  monkeypatch.setattr(sys, "argv", argv)
  with flagsaver.flagsaver():
    main.parse_flags(argv, main.flags.FLAGS, "")
    return main_flags.CONFIG.value


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_fraction_is_the_quotient_that_python_computes(a, b):
  assert float(in_decimals(f"{a}/{b}")) == a / b
  assert float(in_decimals(f"-{a}/{b}.0")) == -a / b


@pytest.mark.parametrize(
  "text", ["runs/8/255", "/1/2", "1/2/3", "a1/2", "1/2b", "1/", "/2", "2-1", ""]
)
def test_other_texts_stay_as_they_are(text):
  assert in_decimals(text) == text


@pytest.mark.parametrize(
  "arguments", [[f"--config.{EPS}=8/255"], [f"--config.{EPS}", "8/255"]]
)
def test_a_field_of_a_config_is_a_float(monkeypatch, arguments):
  assert config(monkeypatch, *arguments).loss.attack.set.eps == 8 / 255


def test_radii_and_options_that_the_config_lacks(monkeypatch):
  made = config(
    monkeypatch,
    "--config.evaluation.radii=(0, 2/255, 4/255)",
    "--config.optimizer.b1=1/2",
    "--config.evaluation.attacks.new.name=autoattack",
    "--config.evaluation.attacks.new.norm=linf",
    "--config.evaluation.attacks.new.eps=1/8",
    "--max_minutes",
    "3/4",
  )
  assert made.evaluation.radii == (0, 2 / 255, 4 / 255)
  assert made.optimizer.b1 == 0.5
  assert made.evaluation.attacks.new.eps == 0.125


def test_texts_of_a_config_may_look_like_fractions(monkeypatch):
  assert config(monkeypatch, "--config.data.name=1/2").data.name == "1/2"


def test_a_grid_is_of_fractions():
  swept = combinations([CONFIG], [f"config.{EPS}=2/255,4/255"])
  assert [one.config.loss.attack.set.eps for one in swept] == [
    2 / 255,
    4 / 255,
  ]
  assert [one.name for one in swept] == ["eps=2-255", "eps=4-255"]


def test_flags_of_studies_are_floats():
  values = flags.FlagValues()
  flags.DEFINE_float("eps", 0.3, "", upper_bound=1.0, flag_values=values)
  flags.DEFINE_float("scale", 0.0, "", flag_values=values)
  flags.DEFINE_string("run", "", "", flag_values=values)
  flags.DEFINE_bool("fast", False, "", flag_values=values)
  arguments = ["--fast", "--eps=8/255", "--scale", "-1/4", "--run=1/2"]
  parsed = parse_options(values, arguments, "")
  assert (parsed.eps, parsed.scale) == (8 / 255, -0.25)
  assert (parsed.run, parsed.fast) == ("1/2", True)


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("8/0", "8/0: expected a fraction that is finite"),
    ("8/x", "could not convert string to float: '8/x'"),
  ],
)
def test_a_fraction_that_is_no_number_is_refused(monkeypatch, text, message):
  with pytest.raises(ValueError, match=message):
    config(monkeypatch, f"--config.{EPS}={text}")
