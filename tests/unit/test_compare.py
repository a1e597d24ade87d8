"""Models compared: what is evaluated, stored, recommended and refused."""

import functools
import html
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import PIL.Image
import pytest
import rich.console

from experiments.compare.gate import GateRequest
from experiments.compare.models import parse_models
from experiments.compare.open_data import open_images
from experiments.compare.print import print_comparison
from experiments.compare.run import compare
from robust_jax.comparison.cases import build_cases
from robust_jax.comparison.extra_tests.sequences import Sequences
from robust_jax.comparison.load_examples import load_examples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.predict_with_model import ModelFailed
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.predictors.jax_predictor import jax_predictor
from robust_jax.comparison.predictors.stored_outputs import write_outputs
from robust_jax.comparison.report.table import comparison_table
from robust_jax.comparison.run_predictions import has_changed, run_predictions
from robust_jax.data.readers.reader import Sample
from robust_jax.statistics.gate import Thresholds
from tests.unit.command_line import command_line
from tests.unit.whole_page import check_page

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUM_CLASSES = 3
FAMILIES = ["photometric", "pixel_shift"]
# Clean, four that should not matter (a pixel of nine does), 4 x 5 photometric
# and 24 shifts.
NUM_CASES = 1 + 4 + 20 + 24


class Bars:
  """Gray images of 9 x 9 pixels, the class is which third is bright."""

  class_names = ("left", "middle", "right")

  def __init__(self, size=40, labeled=True, prefix="bar"):
    rng = np.random.default_rng(0)
    self._labels = rng.integers(NUM_CLASSES, size=size)
    self._images = rng.integers(0, 120, (size, 9, 9, 1))
    for image, label in zip(self._images, self._labels, strict=True):
      image[:, 3 * label : 3 * label + 3] += 100
    self._labeled, self._prefix = labeled, prefix

  def __len__(self):
    return len(self._labels)

  def get(self, index):
    label = int(self._labels[index]) if self._labeled else None
    name = f"{self._prefix} {index}"
    return Sample(name, self._images[index].astype(np.uint8), label)


def thirds(images):
  """Logits: the mean of each third."""
  means = np.stack(images).reshape(len(images), 9, 3, 3).mean(axis=(1, 3))
  return means / 10


def one_column(images):
  """Probabilities, from the first column of each third."""
  scores = np.stack(images)[:, :, [0, 3, 6], 0].mean(axis=1)
  scores = np.exp((scores - scores.max(axis=1, keepdims=True)) / 20)
  return scores / scores.sum(axis=1, keepdims=True)


def dazzled(images):
  """The same, but nothing where an image is bright."""
  outputs = one_column(images)
  outputs[np.stack(images).mean(axis=(1, 2, 3)) > 150] = np.nan
  return outputs


def compared_model(name, predict, identity=None):
  return ComparedModel(
    name, "here", "function", identity or name, lambda _, __, x: predict(x)
  )


class Counted:
  """A model that notes how many images it was evaluated on."""

  def __init__(self, predict):
    self.predict, self.evaluated = predict, 0

  def __call__(self, images):
    self.evaluated += len(images)
    return self.predict(images)


def _stores(path, models, images, version="0"):
  return [
    PredictionStore(path, compared_model(name, model), images, 0, version)
    for name, model in models.items()
  ]


class TestRunPredictions:
  def test_each_case_is_asked_once_however_often_it_is_interrupted(
    self, tmp_path
  ):
    images = load_examples(Bars())
    cases = build_cases(images.facts, ["pixel_shift"]).cases
    models = {"a": Counted(thirds), "b": Counted(one_column)}
    stores = _stores(tmp_path, models, images)
    stops = iter([False] * 7 + [True])
    done = []
    assert not run_predictions(
      stores, images, cases, 0, done.append, lambda: next(stops)
    )
    assert done == [1, 2, 3, 4, 5, 6, 7]
    # Another process: nothing is remembered but the files.
    again = _stores(tmp_path, models, images)
    assert run_predictions(again, images, cases, 0, done.append, lambda: False)
    total = len(images.ids) * (1 + len(cases))
    assert [m.evaluated for m in models.values()] == [total, total]
    # A third model: the others are not evaluated again.
    models["c"] = Counted(thirds)
    stores = _stores(tmp_path, models, images)
    assert run_predictions(stores, images, cases, 0, done.append, lambda: False)
    assert [m.evaluated for m in models.values()] == [total] * 3

  @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
  def test_outputs_are_stored_batch_by_batch(self, tmp_path, error):
    images = load_examples(Bars(300))
    cases = build_cases(images.facts, ["pixel_shift"]).cases[:2]
    run = lambda stores: run_predictions(
      stores, images, cases, 0, lambda _: None, lambda: False
    )
    calls = []

    def fails(images):
      calls.append(len(images))
      if len(calls) == 6:  # of 128, 128, 48 images in each case
        raise error
      return thirds(images)

    stores = _stores(tmp_path, {"a": fails, "b": thirds}, images)
    with pytest.raises(error if error is KeyboardInterrupt else ModelFailed):
      run(stores)
    assert stores[0].find(cases[0].name) is None
    models = {"a": Counted(thirds), "b": Counted(thirds)}
    stores = _stores(tmp_path, models, images)
    assert run(stores)
    assert [m.evaluated for m in models.values()] == [44 + 300, 44 + 300]
    fresh = _stores(tmp_path / "fresh", {"a": thirds, "b": thirds}, images)
    run(fresh)
    for one, other in zip(stores, fresh, strict=True):
      for case in cases:
        for x, y in zip(one.get(case.name), other.get(case.name), strict=True):
          np.testing.assert_array_equal(x, y)

  def test_a_model_has_one_kind_of_outputs_in_a_case(self, tmp_path):
    images = load_examples(Bars(300))
    wavers = lambda x: thirds(x) if len(x) > 100 else thirds(x).argmax(axis=1)
    stores = _stores(tmp_path, {"a": wavers}, images)
    with pytest.raises(ModelFailed, match=r"'a': .*classes for some"):
      run_predictions(stores, images, (), 0, lambda _: None, lambda: False)

  def test_killed_within_a_case(self, tmp_path):
    """Outputs of the last ten seconds are lost, and no file is left over."""
    died = subprocess.run(
      [sys.executable, "-c", KILLED, tmp_path / "out"],
      env=os.environ | {"PYTHONPATH": str(ROOT)},
      capture_output=True,
      text=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    images, evaluated = load_examples(Bars(300)), []
    for path in (tmp_path / "out", tmp_path / "fresh"):
      models = {"a": Counted(thirds)}
      stores = _stores(path, models, images)
      assert run_predictions(
        stores, images, (), 0, lambda _: None, lambda: False
      )
      evaluated.append(models["a"].evaluated)
    # Two of three batches were stored when it died in the third.
    assert evaluated == [44, 300]
    killed, fresh = (
      {f.name: f.read_bytes() for f in path.glob("predictions/*/*")}
      for path in (tmp_path / "out", tmp_path / "fresh")
    )
    assert killed == fresh

  def test_a_file_that_was_cut_off_is_asked_again(self, tmp_path):
    images = load_examples(Bars())
    cases = build_cases(images.facts, ["pixel_shift"]).cases[:3]
    models = {"a": Counted(thirds)}
    (store,) = _stores(tmp_path, models, images)
    run_predictions([store], images, cases, 0, lambda _: None, lambda: False)
    before, evaluated = store.get(cases[1].name), models["a"].evaluated
    (file,) = tmp_path.glob("predictions/*/*horizontal_flip*.npz")
    file.write_bytes(file.read_bytes()[:100])
    (store,) = _stores(tmp_path, models, images)
    assert store.find(cases[1].name) is None
    run_predictions([store], images, cases, 0, lambda _: None, lambda: False)
    assert models["a"].evaluated == evaluated + len(images.ids)
    np.testing.assert_array_equal(
      store.get(cases[1].name).classes, before.classes
    )

  def test_other_circumstances_have_folders_of_their_own(self, tmp_path):
    images = load_examples(Bars())
    others = load_examples(Bars(prefix="other"))
    folders = set()
    for one, data, seed, version in (
      (compared_model("a", thirds), images, 0, "0"),
      (compared_model("a", thirds, identity="new weights"), images, 0, "0"),
      (compared_model("a", thirds), others, 0, "0"),
      (compared_model("a", thirds), images, 1, "0"),
      (compared_model("a", thirds), images, 0, "1"),
    ):
      store = PredictionStore(tmp_path, one, data, seed, version)
      assert store.find(CLEAN) is None
      store.save(CLEAN, np.zeros(len(data.ids), int))
      folders |= set((tmp_path / "predictions").iterdir())
    assert len(folders) == 5

  def test_a_function_whose_weights_have_changed_is_noticed(self, tmp_path):
    images = load_examples(Bars())
    (store,) = _stores(tmp_path, {"a": one_column}, images)
    assert not has_changed(store, images)
    run_predictions([store], images, (), 0, lambda _: None, lambda: False)
    assert not has_changed(store, images)
    (new,) = _stores(tmp_path, {"a": lambda x: one_column(x)[:, ::-1]}, images)
    assert has_changed(new, images)
    (new,) = _stores(tmp_path, {"a": lambda x: one_column(x).argmax(1)}, images)
    assert has_changed(new, images)

  def test_how_long_a_model_takes(self, tmp_path):
    images = load_examples(Bars())

    def slow(x):
      time.sleep(0.05)
      return thirds(x)

    (store,) = _stores(tmp_path, {"a": slow}, images)
    run_predictions([store], images, (), 0, lambda _: None, lambda: False)
    (seconds,) = store.seconds
    assert 0.05 <= 40 * seconds < 5

  def test_an_image_alone_is_predicted_as_among_others(self, tmp_path):
    class Shapes:
      class_names = Bars.class_names

      def __len__(self):
        return 9

      def get(self, index):
        bar = Bars().get(index)
        image = bar.x[: 9 - 3 * (index % 2)]
        return Sample(f"{index}", image, bar.label)

    images = load_examples(Shapes())
    assert [len(g.rows) for g in images.groups] == [5, 4]
    rows = lambda x: np.array([len(one) for one in x]) % NUM_CLASSES
    (store,) = _stores(tmp_path, {"a": rows}, images)
    cases = build_cases(images.facts, ["pixel_shift"]).cases[:1]
    run_predictions([store], images, cases, 0, lambda _: None, lambda: False)
    expected = [(9 - 3 * (i % 2)) % NUM_CLASSES for i in range(9)]
    assert store.get(CLEAN).classes.tolist() == expected
    assert store.get(cases[0].name).classes.tolist() == expected

  def test_each_model_meets_an_adversary_of_its_own(self, tmp_path):
    seen = {}

    def model(name, column):
      # Of each third, one column alone.
      logits = lambda first, x: 20 * x[:, :, first::3, 0].mean(axis=1)
      logits_fn = jax.tree_util.Partial(functools.partial(logits, column))

      def predict(case, ids, images):
        seen[name, case] = np.stack(images).astype(int)
        return jax_predictor(logits_fn)(images)

      return ComparedModel(name, "here", "run", name, predict, logits_fn)

    models = {"first": model("first", 0), "last": model("last", 2)}
    report = compare(models, Bars(), tmp_path, families=["adversarial"])
    assert list(report["models"]["last"]["risk"]["families"]) == ["adversarial"]
    clean = seen["first", CLEAN]
    for name, column in (("first", 0), ("last", 2)):
      moved = np.abs(seen[name, "adversarial/linf_pgd/5"] - clean)
      assert moved.max() == 8
      assert moved.any(axis=(0, 1, 3)).tolist() == [
        i % 3 == column for i in range(9)
      ]
    function = {"a": compared_model("a", thirds)}
    with pytest.raises(ValueError, match="'a' is a function"):
      compare(function, Bars(), tmp_path, families=["adversarial"])

  @pytest.mark.parametrize(
    ("predict", "message"),
    [
      (
        lambda x: np.zeros((len(x), 2)),
        r"'a' failed .* expected floats \[40, 3\]",
      ),
      (lambda x: np.full((len(x), 3), np.nan), "'a' .*none of 40 outputs"),
      (lambda x: 1 / 0, "'a' failed .*ZeroDivisionError"),
    ],
  )
  def test_a_model_that_fails_is_named(self, tmp_path, predict, message):
    images = load_examples(Bars())
    stores = _stores(tmp_path, {"a": predict}, images)
    with pytest.raises(ValueError, match=message):
      run_predictions(stores, images, (), 0, lambda _: None, lambda: False)

  @pytest.mark.parametrize("extra", [False, True])
  def test_a_model_that_fails_takes_no_other_with_it(
    self, tmp_path, capsys, extra
  ):
    wrong = Counted(lambda x: (thirds(x).argmax(1) + 1) % 3)
    breaks = iter(range(4))

    def fails(images):
      if len(images) != 40 or not extra:
        next(breaks)  # in a case of its own, or in the extra test
      return thirds(images)

    models = {
      "wrong": compared_model("wrong", wrong),
      "A": compared_model("A", thirds),
      "fails": compared_model("fails", fails),
      "B": compared_model("B", one_column),
    }
    report = compare(
      models,
      Bars(),
      tmp_path,
      families=["pixel_shift"],
      extra_tests=[Sequences(["translate"])] if extra else [],
      gate=GateRequest(Thresholds(max_overall=50.0)),
    )
    # Nothing but clean images was evaluated with the one that fails on them.
    assert wrong.evaluated == 40
    assert list(report["models"]) == ["A", "B"]
    assert "no example correctly" in report["models_left_out"]["wrong"]
    assert "StopIteration" in report["models_left_out"]["fails"]
    assert report["recommendation"]["deploy"] == "A"
    assert report["gate"] is None  # the first model would be judged
    if extra:
      assert list(report["sequences"]["models"]) == ["A", "B"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    check_page(page)
    assert "<b>fails</b> is left out of everything" in page
    printed = capsys.readouterr().out
    assert "continuing without 'wrong'" in printed
    assert "wrong is left out" in printed

  def test_no_model_is_left(self, tmp_path):
    models = {n: compared_model(n, lambda x: 1 / 0) for n in "AB"}
    with pytest.raises(ValueError, match=r"'A' failed .*; model 'B' failed"):
      compare(models, Bars(), tmp_path, families=["pixel_shift"])

  def test_all_predictions_of_a_hard_case_may_be_missing(self, tmp_path):
    images = load_examples(Bars())
    (store,) = _stores(tmp_path, {"a": thirds}, images)
    store.save(CLEAN, np.eye(3)[np.zeros(40, int)])
    store.save("hard", np.full((40, 3), np.nan))
    assert store.get("hard").missing == 40
    # As the clean ones were: by themselves they would be taken for logits.
    assert store.get("hard").kind == "probabilities"
    with pytest.raises(ValueError, match="return probabilities"):
      store.save("other", np.zeros(40, int))


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
  """Two models: B is hurt by shifts and, where it is bright, says nothing."""
  path = tmp_path_factory.mktemp("compared")

  models = {
    "A": compared_model("A", thirds),
    "<B & co>": compared_model("<B & co>", dazzled),
  }
  report = compare(models, Bars(), path, name="bars", families=FAMILIES)
  return path, report


class TestReport:
  def test_says_what_was_measured(self, compared):
    path, report = compared
    assert json.loads((path / "report.json").read_text()) == report
    assert report["data"]["examples"] == 40
    assert len(report["conditions"]) == NUM_CASES - 1
    a, b = report["models"].values()
    assert (a["output_kind"], b["output_kind"]) == ("logits", "probabilities")
    assert a["milliseconds"] > 0
    assert a["parameters"] is None  # nobody knows of a function
    assert a["risk"]["clean_accuracy"] == 100
    assert a["risk"]["invariance_tests"]["identity"]["risk"]["value"] == 0
    shift = b["risk"]["families"]["pixel_shift"]["risk"]
    assert shift["low"] > a["risk"]["families"]["pixel_shift"]["risk"]["high"]
    assert not a["missing"]
    assert b["missing"]["photometric/brighter/5"] > 0
    assert report["recommendation"]["deploy"] == "A"
    assert report["recommendation"]["confidence"] == "high"

  def test_the_map_of_shifts_counts_changed_predictions(self, compared):
    _, report = compared
    images = np.stack([Bars().get(i).x for i in range(40)])
    table = np.array(report["shift_maps"][0]["models"]["A"])
    assert table.shape == (5, 5)
    assert table[2, 2] == 0
    moved = images[:, :, np.clip(np.arange(9) - 2, 0, 8)]
    expected = thirds(moved).argmax(1) != thirds(images).argmax(1)
    # dy = 0 is the third row, dx = 2 the last column.
    assert table[2, 4] == pytest.approx(100 * expected.mean())

  def test_fractions_of_agreement_sum_to_all_images(self, compared):
    (pair,) = compared[1]["agreement"]
    for part in ("clean", "transformed"):
      assert sum(pair[part].values()) == pytest.approx(100)

  def test_the_page_is_whole_and_needs_nothing_else(self, compared):
    path, report = compared
    page = (path / "report.html").read_text(encoding="utf-8")
    check_page(page)
    pictures = sum(map(len, report["gallery"].values()))
    assert page.count("<img ") == 2 * pictures
    assert "<B & co>" not in page
    assert "&lt;B &amp; co&gt;" in page

  def test_page_and_terminal_say_the_same(self, compared, capsys):
    path, report = compared
    print_comparison(report, (), path)
    printed = capsys.readouterr().out
    page = html.unescape((path / "report.html").read_text(encoding="utf-8"))
    page = page.replace("\u00a0%", " %")
    advice = report["recommendation"]
    for text in (advice["headline"], *advice["reasons"], *advice["cautions"]):
      assert text in printed
      assert text in page
    assert f"Confidence: {advice['confidence']}." in printed
    assert f">{advice['confidence']}</span>" in page
    saved = json.loads((path / "report.json").read_text(encoding="utf-8"))
    assert saved["recommendation"] == advice

  @pytest.mark.parametrize("num_models", [2, 3, 7])
  def test_the_table_of_many_models_is_folded_and_not_cut(
    self, compared, num_models
  ):
    model = compared[1]["models"]["A"]
    models = {f"a model called {i}": model for i in range(num_models)}
    with io.StringIO() as text:
      table = comparison_table(compared[1] | {"models": models})
      rich.console.Console(file=text, width=80).print(table)
      shown = text.getvalue()
    assert "…" not in shown
    assert shown.count("100.0") == num_models
    value = f"{model['risk']['overall']['risk']['value']:.1f}"
    (row,) = re.findall("risk, overall.*", shown)
    assert row.count(value) == num_models

  def test_the_same_call_asks_nothing_again(self, compared):
    path, report = compared

    def refuse(images):
      raise AssertionError("evaluated")

    models = {
      name: ComparedModel(name, "here", "run", name, lambda *_: refuse(None))
      for name in report["models"]
    }
    # Of the kind "function" it would be looked at again.
    stores = sorted((path / "predictions").iterdir())
    with pytest.raises(ValueError, match="evaluated"):
      compare(models, Bars(), path, families=FAMILIES)
    models = {
      "A": compared_model("A", thirds),
      "<B & co>": compared_model("<B & co>", dazzled),
    }
    again = compare(models, Bars(), path, name="bars", families=FAMILIES)
    assert sorted((path / "predictions").iterdir()) == stores
    for name in ("models", "comparisons", "recommendation", "gallery"):
      assert again[name] == report[name]


class TestData:
  def test_what_cannot_be_used_is_in_the_report(self, tmp_path):
    for i in range(12):
      label = Bars.class_names[i % 3]
      (tmp_path / "images" / label).mkdir(parents=True, exist_ok=True)
      image = np.zeros((9, 9), np.uint8)
      image[:, 3 * (i % 3) : 3 * (i % 3) + 3] = 255 - i
      path = tmp_path / "images" / label / f"{i}.png"
      PIL.Image.fromarray(image).save(path)
    (tmp_path / "images" / "left" / "broken.png").write_text("no picture")
    report = compare(
      {"A": compared_model("A", thirds)},
      open_images(str(tmp_path / "images")),
      tmp_path / "out",
      families=["pixel_shift"],
    )
    assert report["data"]["examples"] == 12
    assert report["data"]["shapes"] == [{"shape": [9, 9, 1], "images": 12}]
    assert report["data"]["problem_counts"] == {"unreadable example": 1}
    assert "left/broken.png" in report["data"]["problems"][0]["message"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "left/broken.png" in page
    assert report["recommendation"]["deploy"] is None

  def test_ids_given_twice_and_unknown_labels_are_left_out(self, tmp_path):
    samples = [Bars().get(i) for i in range(12)]
    labels = [s.label for s in samples]
    labels[3] = 7
    ids = [s.id for s in samples]
    ids[5] = ids[4]
    images = [s.x for s in samples]
    path = tmp_path / "bars.npz"
    names = Bars.class_names
    np.savez(path, images=images, labels=labels, ids=ids, class_names=names)
    images = load_examples(open_images(str(path)))
    assert len(images.ids) == 10
    found = [(p.index, p.id, p.kind) for p in images.problems]
    assert found == [
      (3, "bar 3", "unknown label"),
      (5, "bar 4", "duplicate id"),
    ]

  def test_without_labels_a_change_is_a_failure(self, tmp_path):
    report = compare(
      {"A": compared_model("A", thirds), "B": compared_model("B", one_column)},
      Bars(labeled=False),
      tmp_path,
      families=["pixel_shift"],
    )
    assert report["models"]["A"]["risk"]["clean_accuracy"] is None
    assert report["models"]["A"]["classes"] is None
    table = np.array(report["shift_maps"][0]["models"]["B"])
    value = report["models"]["B"]["risk"]["overall"]["risk"]["value"]
    assert value == pytest.approx(table.sum() / 24)

  def test_images_get_one_size_on_request(self, tmp_path):
    for name, shape in (("a", (20, 10)), ("b", (8, 32))):
      (tmp_path / name).mkdir()
      image = np.full((*shape, 3), 7, np.uint8)
      PIL.Image.fromarray(image).save(tmp_path / name / "1.png")
    images = load_examples(open_images(str(tmp_path), size=8))
    assert images.facts == [(8, 8, 3)]
    assert np.unique(images.groups[0].inputs) == [7]

  def test_some_are_drawn_by_the_seed(self):
    draws = [load_examples(Bars(), 10, seed).ids for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert len(set(draws[0])) == 10
    assert load_examples(Bars(), 10**6).ids == load_examples(Bars()).ids

  def test_stored_outputs_are_a_model(self, tmp_path):
    images = load_examples(Bars())
    cases = build_cases(images.facts, ["pixel_shift"]).cases
    outputs = {case.name: images.labels for case in cases}
    path = tmp_path / "stored.npz"
    write_outputs(path, images.ids, outputs | {CLEAN: images.labels})
    found = parse_models([f"S={path}"])
    report = compare(found, Bars(), tmp_path / "out", families=["pixel_shift"])
    assert report["models"]["S"]["risk"]["overall"]["risk"]["value"] == 0
    assert report["models"]["S"]["output_kind"] == "classes"
    with pytest.raises(ValueError, match="no outputs under 'photometric/"):
      compare(found, Bars(), tmp_path / "out", families=["photometric"])


KILLED = """
import os, pathlib, signal, sys
from robust_jax.comparison import _partial
from robust_jax.comparison.load_examples import load_examples
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.run_predictions import run_predictions
from tests.unit.test_compare import Bars, compared_model, thirds

_partial._EVERY = 0

def model(images):
  if len(images) == 44:
    os.kill(os.getpid(), signal.SIGKILL)
  return thirds(images)

images = load_examples(Bars(300))
store = PredictionStore(
  pathlib.Path(sys.argv[1]), compared_model("a", model), images, 0, "0"
)
run_predictions([store], images, (), 0, lambda _: None, lambda: False)
"""

MODULE = """
import os
import numpy as np

def _noted(name, images):
  with open(os.environ["NOTES"], "a") as notes:
    notes.write(f"{name} {len(images)}\\n")

def thirds(images):
  _noted("thirds", images)
  return np.stack(images).reshape(len(images), 9, 3, 3).mean(axis=(1, 3))

def columns(images):
  _noted("columns", images)
  return np.stack(images)[:, :, [0, 3, 6], 0].mean(axis=1)

def broken(images):
  raise RuntimeError("no weights")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
  """A folder with models and data, and the command's beginning."""
  (tmp_path / "my_models.py").write_text(MODULE)
  samples = [Bars().get(i) for i in range(40)]
  np.savez(
    tmp_path / "bars.npz",
    images=[s.x for s in samples],
    labels=[s.label for s in samples],
    class_names=Bars.class_names,
  )
  monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
  monkeypatch.syspath_prepend(tmp_path)
  return tmp_path


def command(here, *more):
  return [
    "compare",
    "--models",
    "A=my_models:thirds",
    "B=my_models:columns",
    f"--data={here / 'bars.npz'}",
    f"--out={here / 'out'}",
    "--families=pixel_shift",
    *more,
  ]


class TestCommand:
  def test_the_gate_is_the_exit_status(self, here, capsys):
    assert command_line(*command(here)) == 0
    evaluated = (here / "notes").read_text()
    # All 40 images, clean and in 28 cases, a batch each.
    assert evaluated.splitlines().count("thirds 40") == 29
    few = "--min_samples=10"
    assert command_line(*command(here, few, "--max_overall", "99")) == 0
    assert command_line(*command(here, few, "--max_risk", "pixel_shift=0")) == 1
    assert (
      command_line(*command(here, "--max_overall=99")) == 3
    )  # 40 images, not 500
    assert command_line(*command(here, "--max_overall=99", "--strict")) == 1
    assert command_line(*command(here, few, "--max_regression=5")) == 0
    turned = ("--candidate=B", "--baseline=A")
    assert command_line(*command(here, few, "--max_regression=5", *turned)) == 1
    bug = "--max_invariance_tests=identity=0,one_level_brighter=50"
    assert command_line(*command(here, bug)) == 0
    # A few images of a function are evaluated again each time.
    again = (here / "notes").read_text().removeprefix(evaluated).split()
    assert set(again[1::2]) == {"40"}
    printed = capsys.readouterr().out
    assert "Gate for A: inconclusive" in printed
    assert "Gate for B: fail" in printed

  @pytest.mark.parametrize(
    ("arguments", "message"),
    [
      (["compare"], "compare needs --data"),
      (["compare", "--data=digits", "--out=x"], "there are no models"),
      (["compare", "--data=digits", "--out=x", "A"], "unexpected 'A'"),
      (
        ["compare", "--models=A=docs", "--data=digits", "--out=x"],
        "holds no run",
      ),
      (
        ["compare", "--models", "A=no/where", "--data=digits", "--out=x"],
        "no directory 'no/where'",
      ),
      (
        ["compare", "A=no.module:f", "--data=digits", "--out=x"],
        "no module named 'no.module'",
      ),
    ],
  )
  def test_one_clear_error(self, capsys, arguments, message):
    assert command_line(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line

  @pytest.mark.parametrize(
    ("more", "message"),
    [
      (["--families=nose"], "did you mean 'noise'"),
      (["B=my_models:thirds"], "two models are called 'B'"),
      (["--data=/no/where"], "/no/where is not a file or folder"),
      (["--max_risk=20"], "expected NAME=PERCENT"),
      (["--max_risk=noise=20"], "there is no family 'noise'"),
      (["--max_risk=noise=120"], "expected NAME=PERCENT"),
      (["--candidate=C"], "one of A, B"),
      (["--candidate=A", "--baseline=A"], "candidate and baseline"),
      (["--num_examples=0"], "num_examples=0"),
      (["--class_names=left,middle"], "lack 1 of the 3 classes"),
      (
        ["--output_kind=scores"],
        "--output_kind scores: expected one of logits",
      ),
      (["--output_kind=C=logits"], "there is no model 'C'"),
    ],
  )
  def test_one_clear_error_of_an_option(self, here, capsys, more, message):
    assert command_line(*command(here, *more)) == 2
    assert message in capsys.readouterr().err

  def test_a_model_left_out_is_an_error_unless_the_gate_says_more(
    self, here, capsys
  ):
    broken = "C=my_models:broken"
    assert command_line(*command(here, broken)) == 2
    assert "without 'C': model 'C' failed" in capsys.readouterr().out
    report = json.loads((here / "out" / "report.json").read_text())
    assert list(report["models"]) == ["A", "B"]
    few = ("--min_samples=10", "--max_overall=99")
    assert command_line(*command(here, broken, *few)) == 0
    assert command_line(*command(here, broken, *few, "--candidate=C")) == 2

  def test_killed_and_run_again(self, here):
    (here / "my_models.py").write_text(
      MODULE.replace("def _noted(name, images):", SLOW)
    )
    arguments = [sys.executable, "-m", "experiments.main", *command(here)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{here}", "SLOW": "0.1"}
    options = {"cwd": here, "env": environment, "text": True}
    process = subprocess.Popen(
      arguments, **options, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _wait_for(here / "notes", process, 20)
    process.send_signal(signal.SIGINT)
    printed, wrong = process.communicate()
    assert process.returncode == 130, wrong
    assert "give the same command again" in printed
    done = len(list((here / "out").glob("predictions/*/*.npz")))
    assert 0 < done < 60
    environment["SLOW"] = "0"
    subprocess.run(arguments, **options, check=True, capture_output=True)
    counts = (here / "notes").read_text().splitlines()
    # 29 cases each; the interrupted batch is evaluated again, and so are images
    # of two cases, to check that the function is unchanged.
    assert counts.count("thirds 40") in (31, 32)
    assert counts.count("columns 40") in (31, 32)
    assert not list((here / "out").rglob("*partial*"))


SLOW = """def _noted(name, images):
  import time
  time.sleep(float(os.environ["SLOW"]))"""


def _wait_for(path, process, lines):
  while not path.exists() or len(path.read_text().splitlines()) < lines:
    assert process.poll() is None, process.communicate()
    time.sleep(0.02)


def test_the_family_of_the_document(tmp_path, monkeypatch):
  text = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")
  (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
  (tmp_path / "turned.py").write_text(code)
  monkeypatch.syspath_prepend(tmp_path)
  case = build_cases([(9, 9, 1)], ["turned:upside_down"]).cases[-1]
  images = load_examples(Bars()).groups[0].inputs
  turned = case.transformation.change(images, case.level)
  np.testing.assert_array_equal(turned, np.rot90(images, 2, axes=(1, 2)))


def test_the_document_lists_what_the_report_holds(compared):
  text = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")
  rows = re.findall(r"^\| (`.*?) \|", text.partition("## report.json")[2], re.M)
  listed = {name for row in rows for name in re.findall(r"`([\w.*]+)`", row)}
  assert {n for n in listed if "." not in n} == set(compared[1])
  models = {n.removeprefix("models.*.") for n in listed if "." in n}
  assert models <= set(compared[1]["models"]["A"])
