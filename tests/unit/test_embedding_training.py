"""Methods on embeddings as configs, and the study that compares them."""

import json
import pathlib
import shutil

import pytest

from experiments.cli.parse_flags import load_config
from experiments.configs.embedding_training import Sizes, methods
from experiments.planning.described_step import passes_of_step
from experiments.studies import embedding_training

_CONFIG = "experiments/configs/text/sst2_embeddings.py"
_REVIEWS = pathlib.Path(_CONFIG).resolve().with_name("reviews.csv")
_SHORT = (
  f"--config={_CONFIG}",
  f"--config.data.train={_REVIEWS}[6:30]",
  f"--config.data.validation={_REVIEWS}[:6]",
  f"--config.data.test={_REVIEWS}[30:]",
  "--config.data.columns.text=text",
  "--config.data.labels=('negative','positive')",
  "--config.data.length=12",
  "--config.model.width=4",
  "--config.model.depth=1",
  "--config.training.batch_size=12",
  "--config.training.num_epochs=1",
  "--config.training.evaluate_every_epochs=1",
  "--config.training.log_every=1",
)


def _options(*flags):
  arguments = (*_SHORT, *flags)
  values = embedding_training._flags(arguments)
  return embedding_training.parse_options(values, arguments, "usage")


def _config(method, *flags):
  return embedding_training._config(_options(*flags), _CONFIG, method)


def _run(out, *flags):
  status = embedding_training.main([*_SHORT, f"--out={out}", *flags])
  found = json.loads((out / "embedding_training.json").read_text("utf-8"))
  return status, found["rows"]


def _data(path):
  parts = {"train": "[6:30]", "validation": "[:6]", "test": "[30:]"}
  return [f"--config.data.{name}={path}{part}" for name, part in parts.items()]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
  out = tmp_path_factory.mktemp("study")
  data = out / _REVIEWS.name
  shutil.copy(_REVIEWS, data)
  status, rows = _run(out, "--methods=freelb", *_data(data))
  assert status == 0
  data.unlink()
  return out, rows


def test_a_line_for_each_run_with_what_it_costs(table):
  out, (row,) = table
  assert (row["status"], row["step"]) == ("finished", 2)
  assert 0 <= row["test"] <= 100
  assert row["milliseconds"] > 0
  assert (row["forward"], row["backward"]) == (3, 3)
  text = (out / "embedding_training.md").read_text("utf-8")
  assert "| freelb | 0 |" in text


def test_nothing_is_repeated_and_what_time_does_not_reach_is_named(table):
  out, before = table  # and the data are not read again, for they are gone
  files = sorted(out.glob("*/0/*.json"))
  times = [file.stat().st_mtime_ns for file in files]
  flags = ("--methods=freelb,pgd", "--seeds=0", "--max_minutes=0")
  status, rows = _run(out, *flags, *_data(out / _REVIEWS.name))
  assert (status, rows[:1]) == (0, before)
  assert [row["status"] for row in rows[1:]] == ["not started"]
  assert [file.stat().st_mtime_ns for file in files] == times


def test_a_finished_run_of_another_config_is_refused(table):
  with pytest.raises(ValueError, match=r"freelb.*another config"):
    _run(table[0], "--methods=freelb")


@pytest.mark.parametrize(
  ("method", "passes"),
  [
    ("standard", (1, 1)),
    ("noise", (1, 1)),
    ("pgd", (3, 3)),
    ("free", (3, 3)),
    ("freelb", (3, 3)),
    ("freelb_fresh", (3, 3)),
    # The clean logits of the frozen model, a gradient, and both predictions.
    ("smart", (4, 3)),
    ("r3f", (2, 2)),
  ],
)
def test_passes_of_a_step(method, passes):
  calls = passes_of_step(_config(method))
  assert (calls["forward"], calls["backward"]) == passes


def test_every_method_is_compared_above():
  (mark,) = test_passes_of_a_step.pytestmark
  known = methods(Sizes(0.1, 0.5, 0.4), width=4)
  assert [method for method, _ in mark.args[1]] == list(known)


@pytest.mark.parametrize("method", ["free", "smart"])
def test_a_warm_start_has_the_tokenizer_of_the_run(table, method):
  run = table[0] / "freelb" / "0"
  config = _config(method, f"--warm_start={run}")
  assert config.warm_start.run == str(run)
  assert config.data.tokenizer.file == str(run / "tokenizer.json")
  assert passes_of_step(config)["backward"] == 3  # it can be built


def test_unknown_methods_are_refused_by_name():
  with pytest.raises(ValueError, match=r"'freebl'.*expected.*freelb"):
    _config("freebl")
  assert load_config(f"{_CONFIG}:freelb") == load_config(_CONFIG)
