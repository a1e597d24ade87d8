"""Attacks on the texts of a run, from the command line."""

import csv
import json

import numpy as np
import pytest

from experiments import attack_texts, workdir
from experiments.configs.adversarial import digits_pgd
from experiments.configs.text import sst2, word_recognition
from experiments.load_run import load_run
from experiments.texts.recipes import text_recipes
from experiments.train import train
from robust_jax.text import constraints
from robust_jax.text.recipes import base
from robust_jax.text.results import from_record
from tests.unit.command_line import command_line


def sst2_config():
  config = sst2.get_config("smoke")
  config.training.update(num_epochs=20.0, evaluate_every_epochs=20.0)
  return config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A classifier of forty reviews."""
  path = tmp_path_factory.mktemp("texts") / "run"
  train(sst2_config(), path)
  return path


def test_evaluate_prints_and_writes_each_attack(run, capsys):
  status = command_line(
    "evaluate",
    f"--workdir={run}",
    "--attack=typo,pruthi,hot_flip",
    "--num_examples=6",
  )
  assert status == 0
  assert "under attack" in capsys.readouterr().out
  folder = run / "text_attacks"
  report = json.loads((folder / "report.json").read_text())
  assert 'id="hot_flip"' in (folder / "report.html").read_text()
  lines = (folder / "pruthi.jsonl").read_text().splitlines()
  results = [from_record(json.loads(line)) for line in lines]
  assert len(results) == 6
  failed = np.mean([result.status == "failed" for result in results])
  assert report["attacks"]["pruthi"]["robust_accuracy"] == failed
  assert all(result.words_changed <= 1 for result in results)


def test_without_attack_evaluate_takes_those_of_the_config(run):
  flags = (f"--workdir={run}", "--num_examples=2")
  assert command_line("evaluate", *flags) == 0
  report = json.loads((run / "text_attacks" / "report.json").read_text())
  assert set(report["attacks"]) == set(sst2.ATTACKS)


def vowels_stay():
  """A constraint of a user's own."""
  vowels = lambda text: [c for c in str(text) if c in "aeiou"]
  return constraints.accepted_by(lambda old, new: vowels(old) == vowels(new))


def test_a_config_composes_edits_constraints_a_search_and_a_goal(run):
  opened = load_run(run)
  with opened.config.unlocked():
    opened.config.evaluation.text_attacks.to_negative = {
      "name": "compose",
      "edits": ({"name": "swap_characters"}, {"name": "delete_characters"}),
      "constraints": (
        {"name": "max_words", "number": 2},
        {"name": f"{__name__}:vowels_stay"},
      ),
      "text_search": {"name": "greedy_search"},
      "goal": {"name": "targeted", "target": 0},
    }
  ((_, recipe),) = text_recipes(opened, ["to_negative"]).values()
  shorter = lambda texts: np.array([[10.5, len(text)] for text in texts])
  (short, long) = recipe.run(shorter, ["a film", "a good film"], [1, 1])
  assert short.status == "skipped"
  assert (long.adversarial, long.before, long.after) == ("a good fim", 1, 0)


def test_a_run_keeps_its_tokenizer(run):
  """Whatever a tokenizer that is trained again would be."""
  path = run / "tokenizer.json"
  before = path.read_bytes()
  assert load_run(run).config.data.tokenizer.file == str(path)
  train(sst2_config(), run)
  assert path.read_bytes() == before


def test_a_folder_of_another_run_gets_no_tokenizer(tmp_path):
  other = digits_pgd.get_config("smoke")
  workdir.open_run(tmp_path, other)
  with pytest.raises(ValueError, match="holds a run of another config"):
    train(sst2_config(), tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_an_interrupted_attack_has_the_results_of_a_whole_one(
  run, tmp_path, monkeypatch
):
  opened = load_run(run)
  whole = attack_texts.write_text_attack(opened, "typo", tmp_path / "a.jsonl")
  stop_after = iter([True] * 4)
  attack = base.attack_texts

  def interrupted(*args, **options):
    for result in attack(*args, **options):
      if not next(stop_after, False):
        raise KeyboardInterrupt
      yield result

  monkeypatch.setattr(attack_texts, "SAVE_EVERY", 2)
  monkeypatch.setattr(base, "attack_texts", interrupted)
  with pytest.raises(KeyboardInterrupt):
    attack_texts.write_text_attack(opened, "typo", tmp_path / "b.jsonl")
  assert not (tmp_path / "b.jsonl").exists()
  asked = []
  monkeypatch.setattr(
    base,
    "attack_texts",
    lambda predict, texts, *args, **options: (
      asked.extend(texts) or attack(predict, texts, *args, **options)
    ),
  )
  resumed = attack_texts.write_text_attack(opened, "typo", tmp_path / "b.jsonl")
  assert resumed == whole
  assert len(asked) == len(whole) - 4


def test_attack_writes_a_table_for_spreadsheets(run, tmp_path):
  out = tmp_path / "typo.csv"
  assert (
    command_line("attack", f"--workdir={run}", "--attack=typo", f"--out={out}")
    == 0
  )
  with out.open() as file:
    rows = list(csv.DictReader(file))
  assert len(rows) == 10
  assert {row["status"] for row in rows} <= {"successful", "failed", "skipped"}


def test_attacks_see_the_model_behind_a_recognizer_of_words(run, tmp_path):
  train(word_recognition.get_config("smoke"), tmp_path / "recognizer")
  command = ["attack", f"--workdir={run}", "--attack=typo"]
  defense = f"--defense=word_recognition,run={tmp_path}/recognizer"
  out = [f"--out={tmp_path}/{name}.jsonl" for name in "abc"]
  # It is hardly trained, and makes other words of most.
  assert command_line(*command, out[0], f"{defense},unknown=neutral") == 0
  assert command_line(*command, out[1], defense) == 0
  assert command_line(*command, out[2]) == 0
  neutral, passing, plain = (
    (tmp_path / f"{name}.jsonl").read_text() for name in "abc"
  )
  assert neutral != passing or passing != plain
  # An evaluation behind it takes a folder of its own, beside that without.
  evaluate = ["evaluate", f"--workdir={run}", "--attack=typo"]
  assert command_line(*evaluate, "--num_examples=6") == 0
  assert command_line(*evaluate, "--num_examples=6", defense) == 0
  assert (run / "text_attacks_word_recognition" / "report.json").exists()


def test_replacements_from_files_and_from_embeddings(run, tmp_path):
  (tmp_path / "data.adj").write_text(
    "00001740 00 a 02 wonderful 0 terrible 0 000 | x\n"
  )
  (tmp_path / "near.json").write_text('{"wonderful": ["terrible"]}')
  results = {}
  for name, table in {
    "pwws": f"--wordnet={tmp_path}",
    "synonyms": f"--wordnet={tmp_path}",
    "neighbors": f"--neighbors={tmp_path}/near.json",
    "learned": f"--neighbors={run}",
  }.items():
    attack = "neighbors" if name == "learned" else name
    out = tmp_path / f"{name}.jsonl"
    command = ["attack", f"--attack={attack}", f"--out={out}", table]
    assert command_line(*command, f"--workdir={run}") == 0
    lines = out.read_text().splitlines()
    results[name] = [json.loads(line) for line in lines]
  for name in ("pwws", "synonyms", "neighbors"):
    changed = [r["adversarial"] for r in results[name] if r["words_changed"]]
    assert all("terrible" in text for text in changed)
  assert len(results["learned"]) == 10


@pytest.mark.parametrize(
  ("defense", "message"),
  [
    ("bit_depth,bits=3", "expected word_recognition"),
    ("word_recognition", "without a run"),
    ("word_recognition,run={run}", "expected one of 'words'"),
  ],
)
def test_bad_defenses(run, tmp_path, capsys, defense, message):
  status = command_line(
    "attack",
    f"--workdir={run}",
    "--attack=typo",
    f"--out={tmp_path}/a.jsonl",
    f"--defense={defense.format(run=run)}",
  )
  assert status == 2
  assert message in capsys.readouterr().err


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (
      ["--attack=pgd", "--out=a.jsonl"],
      "expected one of deep_word_bug, hot",
    ),
    (["--attack=typo", "--out=a.npz"], "expected a file named .jsonl or .csv"),
    (["--attack=pwws", "--out=a.csv"], "expected --wordnet=PATH"),
    (
      ["--attack=pwws", "--out=a.csv", "--wordnet=/nowhere"],
      "/nowhere: expected the folder 'dict' of WordNet",
    ),
  ],
)
def test_bad_requests(run, capsys, options, message):
  assert command_line("attack", f"--workdir={run}", *options) == 2
  assert message in capsys.readouterr().err
