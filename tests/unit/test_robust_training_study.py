"""The study of robust training: its table, resumption and time budget."""

import csv
import shutil

import numpy as np
import pytest

from experiments import measured_robustness
from experiments.cli.parse_flags import load_config
from experiments.examples import Examples
from experiments.measured_robustness import corruption_risk
from experiments.planning.described_step import passes_of_step
from experiments.studies import robust_training

_CONFIG = "experiments/configs/robust/digits.py"
_SHORT = (
  f"--config={_CONFIG}",
  "--config.data.train=train[:64]",
  "--config.data.validation=train[64:96]",
  "--config.data.test=test[:32]",
  "--config.training.batch_size=32",
  "--config.training.num_epochs=2",
  "--config.training.log_every=1",
  "--config.evaluation.attacks.pgd.search.num_steps=2",
  "--num_examples=16",
  "--measures=pgd,rotation",
)


def _run(out, *flags):
  status = robust_training.main([*_SHORT, f"--out={out}", *flags])
  with (out / "robust_training.csv").open(encoding="utf-8") as file:
    return status, list(csv.DictReader(file))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
  out = tmp_path_factory.mktemp("study")
  status, rows = _run(out, "--methods=standard,trades")
  assert status == 0
  return out, rows


def test_a_line_for_each_run_with_what_it_costs(table):
  out, (standard, trades) = table
  assert (standard["method"], trades["method"]) == ("standard", "trades")
  for row in (standard, trades):
    assert row["status"] == "finished"
    assert 0 <= float(row["pgd"]) <= 100
    assert float(row["seconds"]) > 0
  # TRADES takes 10 steps of PGD, from logits of the clean images, and then the
  # gradients of both terms.
  assert (standard["forward"], standard["backward"]) == ("1.0", "1.0")
  assert (trades["forward"], trades["backward"]) == ("13.0", "12.0")
  assert "| trades | 0 |" in (out / "robust_training.md").read_text("utf-8")


def test_more_seeds_add_to_the_table_and_nothing_is_repeated(table):
  out, before = table
  files = [
    out / method / "0" / name
    for method in ("standard", "trades")
    for name in ("measured.json", "train_result.json")
  ]
  times = [file.stat().st_mtime_ns for file in files]
  _, rows = _run(
    out, "--methods=standard,trades", "--seeds=0", "--max_minutes=0"
  )
  assert rows == before
  assert [file.stat().st_mtime_ns for file in files] == times


def test_runs_that_the_time_does_not_reach_are_named(tmp_path):
  status, rows = _run(tmp_path, "--methods=standard", "--max_minutes=0")
  assert status == 0
  assert rows[0]["status"] == "not started"
  assert "not started" in (tmp_path / "robust_training.md").read_text("utf-8")


def test_damaged_measurements_are_refused(table, tmp_path):
  out = shutil.copytree(table[0], tmp_path / "copy")
  (out / "standard" / "0" / "measured.json").write_text("{", encoding="utf-8")
  with pytest.raises(ValueError, match=r"measured\.json.*Remove it"):
    _run(out, "--methods=standard")


def test_free_training_keeps_its_number_of_passes():
  flags = robust_training.parse_options(
    robust_training._flags(_SHORT), _SHORT, "usage"
  )
  free = robust_training._config(flags, "free")
  default = load_config(_CONFIG).training.num_epochs
  expected = load_config(f"{_CONFIG}:free").training.num_epochs
  assert free.training.num_epochs == pytest.approx(2 * expected / default)


@pytest.mark.parametrize(
  ("method", "passes"),
  [
    ("free", (8, 8)),  # of each example, in one gradient for both players
    ("grad_align", (3, 3)),
    ("mart", (12, 12)),
    ("trades_awp", (15, 14)),  # both gradients are at the same examples
    ("pgd_at_sam", (12, 12)),
  ],
)
def test_passes_of_a_step(method, passes):
  calls = passes_of_step(load_config(f"{_CONFIG}:{method}"))
  assert (calls["forward"], calls["backward"]) == passes


def test_passes_of_a_step_that_attacks_other_runs(table):
  out, _ = table
  config = load_config(f"{_CONFIG}:ensemble_at")
  config.surrogates.runs = (str(out / "standard" / "0"),)
  calls = passes_of_step(config)
  # The step trains on clean and on adversarial images; the attack has a
  # gradient of the surrogate, or of the model itself.
  assert (calls["forward"], calls["backward"]) == (3, 3)


def test_unknown_methods_are_refused_by_name(tmp_path):
  with pytest.raises(ValueError, match=r"'tradse'.*expected.*trades"):
    _run(tmp_path, "--methods=tradse")


def test_corruption_risk_is_of_the_images_classified_correctly(monkeypatch):
  # Images of 0.3 become lighter than one half at severities 3 to 5. The last
  # image is misclassified from the start, and does not count.
  conditions = {"brightness": (range(1, 6), {"size": 224})}
  monkeypatch.setattr(measured_robustness, "_conditions", lambda _: conditions)
  x = np.full((3, 8, 8, 1), 0.3, np.float32)
  light = lambda x: x.mean((1, 2, 3))[:, None] - 0.5
  model = lambda x: light(x) * np.asarray([-1.0, 1.0])
  examples = Examples(x, np.asarray([0, 0, 1]))
  assert corruption_risk(model, examples) == pytest.approx(60)


def test_a_field_that_one_method_alone_has_is_set_with_its_name(tmp_path):
  missing = tmp_path / "surrogate"
  flags = (
    f"--config={_CONFIG}:ensemble_at",
    "--methods=ensemble_at",
    f"--config.surrogates.runs=('{missing}',)",
    f"--out={tmp_path}",
  )
  with pytest.raises(ValueError, match=f"{missing}"):
    robust_training.main(flags)


def test_a_run_that_diverges_is_named_and_the_others_are_trained(tmp_path):
  methods = "--methods=standard,label_smoothing"
  # After a step so long, activations overflow.
  status, rows = _run(
    tmp_path, methods, "--config.optimizer.learning_rate=1e38"
  )
  assert status == 0
  assert [row["status"] for row in rows] == ["diverged", "diverged"]
  assert "diverged" in (tmp_path / "robust_training.md").read_text("utf-8")
