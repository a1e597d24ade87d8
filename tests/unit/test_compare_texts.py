"""Classifiers of texts compared: data, models, changes, page and errors."""

import http.server
import inspect
import json
import pathlib
import threading

import numpy as np
import pytest

from experiments.compare.models import parse_models
from experiments.compare.open_data import Columns, kind_of, open_texts
from experiments.compare.run import compare
from experiments.configs.text import sst2
from experiments.load_run import load_run
from experiments.train import train
from robust_jax.comparison.cases import build_cases
from robust_jax.comparison.data_kinds import Images, Texts
from robust_jax.comparison.load_examples import load_examples
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.predictors.http_predictor import (
  http_predictor,
  texts_as_json,
)
from robust_jax.comparison.text_families.base import family_of, of_texts
from tests.unit.command_line import command_line
from tests.unit.whole_page import check_page

GOOD, BAD = ("good", "great", "warm"), ("bad", "dull", "weak")
REVIEWS = pathlib.Path(sst2.__file__).with_name("reviews.csv")
EVIL = "<script>alert('x')</script> & a good <b>film</b>"


def _rows():
  nouns = ("film", "story", "cast", "plot", "scene", "ending")
  return [
    (f"The {noun} is {word}, and it isn't short: {10 * i + 11} minutes.", label)
    for i, noun in enumerate(nouns)
    for label, words in (("yes", GOOD), ("no", BAD))
    for word in words
  ]


def count_words(texts):
  """Logits of "no" and "yes": the number of words of each, in lower case."""
  words = [text.lower().replace(",", " ").split() for text in texts]
  return np.array(
    [[3 * sum(w in of for w in one) for of in (BAD, GOOD)] for one in words],
    float,
  )


def find_words(texts):
  """The same, inside other words as well."""
  return np.array(
    [
      [3 * sum(w in text.lower() for w in of) for of in (BAD, GOOD)]
      for text in texts
    ],
    float,
  )


def _model(name, predict):
  return ComparedModel(name, "here", "function", name, lambda *x: predict(x[2]))


def _csv(path, rows, header="text,label", encoding="utf-8"):
  lines = [header, *(f'"{text}",{label}' for text, label in rows)]
  path.write_text("\n".join(lines) + "\n", encoding=encoding)
  return str(path)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
  """A report on texts, one of which is HTML."""
  path = tmp_path_factory.mktemp("texts")
  data = _csv(path / "films.csv", [*_rows(), (EVIL, "yes")])
  models = {
    "words": _model("words", count_words),
    "<parts & co>": _model("<parts & co>", find_words),
  }
  report = compare(models, open_texts(data), path, name="films", kind=Texts())
  return path, report


class TestReport:
  def test_a_model_of_whole_words_loses_what_the_other_keeps(self, compared):
    _, report = compared
    assert report["data"]["kind"] == "texts"
    assert report["data"]["class_names"] == ["no", "yes"]
    risks = {
      name: model["risk"]["families"]
      for name, model in report["models"].items()
    }
    # A space or letter in the one word that decides; neither sees the case.
    for risk in risks.values():
      assert risk["case"]["risk"]["value"] == 0
    spaces = [r["spaces"]["transformations"] for r in risks.values()]
    joined = [s["joined_words"]["risk"]["value"] for s in spaces]
    assert joined[0] > joined[1] == 0
    assert risks["words"]["homoglyphs"]["risk"]["value"] > 0

  def test_changes_that_alter_few_texts_are_named_and_not_tested(
    self, compared
  ):
    path, report = compared
    left = report["changes_left_out"]
    assert "entities/names" in left
    assert left["entities/names"].startswith("it alters 0 of 37 texts")
    tested = {c["family"] for c in report["conditions"]}
    assert "entities" in tested  # by its numbers
    page = (path / "report.html").read_text(encoding="utf-8")
    assert "it alters 0 of 37 texts" in page

  def test_it_is_counted_how_many_texts_a_change_alters(self, compared):
    _, report = compared
    altered = {c["name"]: c["altered"] for c in report["conditions"]}
    assert altered["invariance tests/identity/1"] == 0
    assert altered["case/upper_case/1"] == 37
    # The text in HTML has no number.
    assert altered["entities/numbers/1"] == 36

  def test_the_page_is_whole_and_no_text_is_markup(self, compared):
    path, report = compared
    page = (path / "report.html").read_text(encoding="utf-8")
    check_page(page)
    assert "<script" not in page
    assert "<b>film</b>" not in page
    shown = page.partition('id="gallery"')[2]
    assert "<del>" in shown
    assert "<ins>" in shown
    assert len(report["gallery"]["words"]) > 0

  def test_the_same_call_asks_nothing_again(self, compared, tmp_path):
    path, report = compared
    asked = []

    def noted(texts):
      asked.extend(texts)
      return count_words(texts)

    models = {"words": _model("words", noted)}
    data = open_texts(str(path / "films.csv"))
    again = compare(models, data, path, name="films", kind=Texts())
    # A function is asked once more for up to 64 texts, in two cases.
    assert len(asked) == 2 * 37
    assert again["models"]["words"]["risk"] == report["models"]["words"]["risk"]


class TestDifference:
  @pytest.mark.parametrize(
    ("old", "new", "deleted", "inserted"),
    [
      ("a film", "a flim", ["film"], ["flim"]),
      ("a film", "a  film", [], ["␣"]),
      ("one two", "onetwo", ["one two"], ["onetwo"]),
      ("bad", "b\u0430d", ["bad"], ["b\u0430d"]),
      ("a film", "A FILM", ["a film"], ["A FILM"]),
      ("", "new", [], ["new"]),
    ],
  )
  def test_words_are_marked_as_wholes(self, old, new, deleted, inserted):
    pieces = Texts().show(old, new)["pieces"]
    of = lambda kind: [p.text for p in pieces if p.kind == kind]
    assert "".join(of("deleted")) == "".join(deleted)
    assert "".join(of("inserted")) == "".join(inserted)

  def test_pieces_make_both_texts(self):
    rng = np.random.default_rng(0)
    words = ["a", "film", "isn't", ",", "  ", "é", "👍", "<b>"]
    for _ in range(50):
      old, new = ("".join(rng.choice(words, 9)) + "x" for _ in range(2))
      pieces = Texts().show(old, new)["pieces"]
      for text, other in ((old, "inserted"), (new, "deleted")):
        joined = "".join(p.text for p in pieces if p.kind != other)
        assert joined.replace("␣", " ") == text

  def test_long_texts_are_shortened_around_the_change(self):
    text = "word " * 500
    pieces = Texts().show(text + "bad", text + "good")["pieces"]
    assert sum(len(piece.text) for piece in pieces) < 200
    assert pieces[0].text.startswith(" … ")


class TestData:
  def test_kinds_are_told_by_the_name_of_a_file(self):
    for name in ("a.csv", "b/c.tsv", "x.jsonl", "a.csv[3:10]"):
      assert kind_of(name).name == "texts"
    for name in ("cifar10", "folder/", "a.npz", "glue/sst2"):
      assert kind_of(name).name == "images"

  @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
  def test_a_byte_order_mark_is_no_part_of_a_name(self, tmp_path, encoding):
    path = _csv(tmp_path / "a.csv", _rows(), encoding=encoding)
    assert load_examples(open_texts(path), kind=Texts()).labels.sum() == 18

  def test_columns_and_a_header_can_be_named(self, tmp_path):
    (tmp_path / "a.tsv").write_text("2\tgood\tfilm\n1\tbad\tcast\n")
    columns = Columns(("title", "body"), "class", ("class", "title", "body"))
    reader = open_texts(str(tmp_path / "a.tsv"), columns)
    assert [tuple(reader.get(i))[:3] for i in range(2)] == [
      ("row 1", "good film", 1),
      ("row 2", "bad cast", 0),
    ]

  def test_numbers_of_classes_may_get_names(self, tmp_path):
    path = _csv(tmp_path / "a.csv", [("good", 1), ("bad", 0)])
    reader = open_texts(path, names=["negative", "positive"])
    assert (reader.class_names, reader.get(0).label) == (
      ("negative", "positive"),
      1,
    )

  def test_without_labels_a_change_is_a_failure(self, tmp_path):
    path = _csv(tmp_path / "a.csv", _rows(), header="text,other")
    reader = open_texts(path, Columns(label=""), ["no", "yes"])
    report = compare(
      {"words": _model("words", count_words)},
      reader,
      tmp_path / "out",
      families=["case"],
      kind=Texts(),
    )
    assert report["data"]["labeled"] is False
    assert report["models"]["words"]["risk"]["overall"]["risk"]["value"] == 0

  def test_empty_texts_are_left_out_and_named(self, tmp_path):
    path = _csv(tmp_path / "a.csv", [("good", "yes"), (" ", "no"), ("", "no")])
    examples = load_examples(open_texts(path), kind=Texts())
    assert examples.ids == ("row 1",)
    assert examples.problem_counts == {"empty text": 2}

  def test_families_of_the_user_and_of_the_other_kind(self):
    with pytest.raises(ValueError, match="there is no 'noise' in"):
      build_cases(("a film",), ["noise"], Texts())
    with pytest.raises(
      ValueError, match=r"these texts; written_out: it alters"
    ):
      build_cases(("a film",) * 9, ["contractions"], Texts())
    with pytest.raises(ValueError, match="there is no 'typos' in"):
      build_cases([(9, 9, 3)], ["typos"], Images())

  def test_a_change_that_is_none_of_texts_is_refused(self):
    bad = of_texts("bad", lambda text: text.encode(), "")
    with pytest.raises(ValueError, match=r"'bad' made .* not a text"):
      Texts().transform(bad, ("a",), np.zeros(1, np.uint32), 1, 0, 1)

  def test_a_tenth_of_the_texts_is_enough(self):
    change = of_texts("upper", str.upper, "all")
    texts = ["a", *["1"] * 9]
    assert family_of("", [change], texts).transformations
    left = family_of("", [change], [*texts, "1"]).left_out
    assert left == {"upper": "it alters 1 of 11 texts, and a tenth is needed"}


class _Service(http.server.BaseHTTPRequestHandler):
  def do_POST(self):
    body = self.rfile.read(int(self.headers["Content-Length"]))
    outputs = count_words(json.loads(body)["texts"]).tolist()
    reply = json.dumps({"outputs": outputs}).encode()
    self.send_response(200)
    self.send_header("Content-Length", str(len(reply)))
    self.end_headers()
    self.wfile.write(reply)

  def log_message(self, *arguments):
    pass


def test_a_service_of_texts_is_asked_in_json():
  server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Service)
  threading.Thread(target=server.serve_forever, daemon=True).start()
  url = f"http://127.0.0.1:{server.server_port}/"
  texts = [text for text, _ in _rows()] + ["👍 «été»", EVIL]
  predict = http_predictor(url, as_json=texts_as_json, batch_size=5)
  np.testing.assert_array_equal(predict(texts), count_words(texts))
  server.shutdown()
  server.server_close()


@pytest.fixture
def here(tmp_path, monkeypatch):
  # Without imports of this module, whose code would be hashed with all of ours.
  code = [
    f"import numpy as np\nGOOD, BAD = {GOOD}, {BAD}\n",
    inspect.getsource(count_words),
    inspect.getsource(find_words),
    "def short(texts): return count_words(texts)[1:]\n",
  ]
  (tmp_path / "text_models.py").write_text("\n".join(code))
  _csv(tmp_path / "films.csv", _rows())
  monkeypatch.syspath_prepend(tmp_path)
  return tmp_path


def _command(here, *more):
  return [
    "compare",
    "--models",
    "A=text_models:count_words",
    "B=text_models:find_words",
    f"--data={here / 'films.csv'}",
    f"--out={here / 'out'}",
    "--families=case,spaces",
    *more,
  ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A run of a classifier of forty reviews, positive or negative."""
  path = tmp_path_factory.mktemp("run") / "run"
  config = sst2.get_config("smoke")
  config.training.update(num_epochs=20.0, evaluate_every_epochs=20.0)
  train(config, path)
  return path


class TestRun:
  def test_it_brings_its_tokenizer_and_takes_any_text(self, run):
    """Also what is longer than the model, of another language, or empty."""
    model = parse_models([f"R={run}"], kind=Texts())["R"]
    texts = ["a great film", "", "👍" * 30, "不好看。", "word " * 900]
    outputs = model.predict("clean", [], texts)
    assert (outputs.shape, model.output_kind) == ((5, 2), "logits")
    np.testing.assert_allclose(
      model.predict("clean", [], texts[-1:]),
      model.predict("clean", [], ["word " * 12]),
      rtol=1e-5,
    )
    table, opened = open_texts(f"{REVIEWS}[30:]"), load_run(run)
    tokens = opened.dataset("test").read(np.arange(len(table)))["x"]
    np.testing.assert_allclose(
      model.predict("clean", [], [table.get(i).x for i in range(len(table))]),
      opened.classifier()(tokens),
      rtol=1e-5,
    )
    assert model.class_names == table.class_names == ("negative", "positive")

  def test_it_warns_of_texts_that_it_does_not_see_whole(self, run, tmp_path):
    models = parse_models([f"R={run}"], kind=Texts())
    data = _csv(
      tmp_path / "a.csv",
      [("good", "positive"), ("bad", "negative")] * 4
      + [("word " * 12, "positive"), ("word " * 13, "negative")],
    )
    report = compare(
      models, open_texts(data), tmp_path, families=["case"], kind=Texts()
    )
    warning = "It reads 12 tokens, and 1 of 10 texts have more"
    assert report["models"]["R"]["warnings"][0].startswith(warning)

  def test_its_classes_have_an_order(self, run, tmp_path):
    models = parse_models([f"R={run}"], kind=Texts())
    turned = open_texts(str(REVIEWS), names=["positive", "negative"])
    with pytest.raises(ValueError, match="--class_names=negative,positive"):
      compare(models, turned, tmp_path, kind=Texts())

  def test_a_run_of_texts_is_refused_for_images(self, run):
    with pytest.raises(ValueError, match="'R' is a run of texts, and the data"):
      parse_models([f"R={run}"])


class TestCommand:
  def test_functions_of_strings_are_compared(self, here, capsys):
    assert command_line(*_command(here)) == 0
    assert "Deploy B rather than A" in capsys.readouterr().out
    few = ("--min_samples=10", "--max_risk", "spaces=9")
    assert command_line(*_command(here, *few)) == 1

  def test_a_model_of_too_few_rows_is_left_out(self, here, capsys):
    assert command_line(*_command(here, "C=text_models:short")) == 2
    printed = capsys.readouterr().out
    assert "model 'C' failed on 36 texts (clean): the model returned" in printed
    assert "for 36 examples" in printed

  @pytest.mark.parametrize(
    ("more", "message"),
    [
      (["--text_column=sentence"], "no column 'sentence', expected one of"),
      (["--label_column=class"], "no column 'class', expected one of 'text'"),
      (["--label_column="], "no labels: expected class_names"),
      (["--class_names=good,bad"], "lack 2 of the 2 classes of the data"),
      (["--image_size=8"], "--image_size is not for texts"),
      (["--sequences=translate"], "--sequences is not for texts"),
      (["--families=noise"], "there is no 'noise' in"),
      (["--data=none.csv"], "none.csv: no such file"),
      (["--data=digits", "--text_column=a"], "--text_column is not for images"),
    ],
  )
  def test_one_clear_error(self, here, capsys, more, message):
    assert command_line(*_command(here, *more)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line

  def test_ragged_rows_are_one_clear_error(self, here, capsys):
    (here / "films.csv").write_text("text,label\ngood,yes\nbad\n")
    assert command_line(*_command(here)) == 2
    assert (
      "line 3: 1 fields, expected 2: text, label" in capsys.readouterr().err
    )
