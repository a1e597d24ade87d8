"""Robust encodings of words: laws, a brute force, and runs that have them."""

import itertools
import json
import shutil

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from experiments.build.text_data import encoding_of, texts_of
from experiments.compare.models import parse_models
from experiments.configs.text import sst2
from experiments.load_run import load_run
from experiments.train import train
from robust_jax.comparison.data_kinds import Texts
from robust_jax.text import recipes
from robust_jax.text.certify_typos import certify_typos
from robust_jax.text.edit_set import EditSet
from robust_jax.text.robust_encoding import (
  UNKNOWN,
  load_clusters,
  possible_encodings,
  robust_encoding,
  save_clusters,
  word_clusters,
)
from robust_jax.text.split_text import split
from robust_jax.text.word_recognition import behind
from tests.unit.command_line import command_line

# Few letters, so that many words have typos in common.
WORDS = st.text(alphabet="abeo", min_size=1, max_size=6)
CORPORA = st.lists(WORDS, min_size=1, max_size=12)
TYPOS: EditSet = recipes.pruthi().edit_set


def with_typos(word):
  """The word and its typos, each as a text of one word."""
  text = split(word)
  typos = TYPOS.replacements(text, 0) if TYPOS.places(text) else ()
  return {word, *typos}


class TestClusters:
  @hypothesis.given(CORPORA)
  @hypothesis.settings(deadline=None, max_examples=50)
  def test_they_are_those_of_a_brute_force(self, words):
    clusters = [{word} for word in dict.fromkeys(words)]
    while joined := next(
      (
        (a, b)
        for a, b in itertools.combinations(clusters, 2)
        if any(with_typos(v) & with_typos(w) for v in a for w in b)
      ),
      None,
    ):
      clusters = [c for c in clusters if c not in joined]
      clusters.append(joined[0] | joined[1])
    found = word_clusters([" ".join(words)])
    grouped = {}
    for word, representative in found.items():
      grouped.setdefault(representative, set()).add(word)
    assert sorted(map(sorted, grouped.values())) == sorted(
      map(sorted, clusters)
    )
    for representative, cluster in grouped.items():
      assert representative == min(cluster, key=lambda w: (-words.count(w), w))

  @hypothesis.given(CORPORA)
  @hypothesis.settings(deadline=None, max_examples=50)
  def test_a_word_has_the_encoding_of_each_of_its_typos(self, words):
    clusters = word_clusters([" ".join(words)])
    encode = robust_encoding(clusters)
    for word in words:
      assert set(encode(list(with_typos(word)))) == {clusters[word]}

  def test_the_most_frequent_words_are_clustered(self):
    texts = ["film film plot plot Plot story", "unk unk unk"]
    assert list(word_clusters(texts, vocabulary_size=2)) == ["plot", "film"]

  def test_words_that_may_not_change_stay_apart(self):
    """Function words, and words of three letters that are no typo."""
    found = word_clusters(["than then them bad bed"])
    assert len(set(found.values())) == 5
    assert len(set(word_clusters(["bad band"]).values())) == 1

  @pytest.mark.parametrize(
    ("texts", "size"), [([], 5), ([" ... "], 5), (["unk"], 5), (["a"], 0)]
  )
  def test_nothing_to_cluster(self, texts, size):
    with pytest.raises(ValueError, match="expected"):
      word_clusters(texts, vocabulary_size=size)

  def test_saved_and_loaded(self, tmp_path):
    clusters = word_clusters(["a fine fire, na\u00efve caf\u00e9"])
    save_clusters(clusters, tmp_path / "c.json")
    assert load_clusters(tmp_path / "c.json") == clusters

  @pytest.mark.parametrize(
    "text", ["{", "[]", '{"a": 1}', '{"a": "b"}', '{"a": "b", "b": "c"}']
  )
  def test_bad_files(self, tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ValueError, match=r"c\.json"):
      load_clusters(tmp_path / "c.json")


CLUSTERS = word_clusters(["good gold film firm a the story plot stolen fine"])
ENCODE = robust_encoding(CLUSTERS)
TEXTS = st.text(alphabet="godlfimrTsty UNK[]'-_.\u00e9\u0130", max_size=30)


class TestEncoding:
  @hypothesis.given(TEXTS)
  @hypothesis.settings(deadline=None)
  def test_an_encoding_is_its_own_encoding(self, text):
    (once,) = ENCODE([text])
    assert ENCODE([once]) == [once]
    assert ENCODE([text.lower()]) == [once]
    assert set(split(once).words) <= {*CLUSTERS.values(), UNKNOWN}
    assert split(once).gaps == split(text.lower()).gaps

  def test_texts_do_not_depend_on_their_neighbors(self):
    texts = ["A glod flim", "", "xyz!"]
    assert ENCODE(texts) == [new for text in texts for new in ENCODE([text])]
    assert ENCODE([]) == []

  @pytest.mark.parametrize(
    "text", ["Good flim: x-y-z, plots", "golds film'", "a folm of sttry"]
  )
  def test_possible_encodings_are_those_of_all_texts_with_typos(self, text):
    original = split(text)
    options = [with_typos(word) for word in original.words]
    edited = [
      str(original._replace(words=words))
      for words in itertools.islice(itertools.product(*options), 20_000)
    ]
    lower = split(text.lower())
    possible = {
      str(lower._replace(words=words))
      for words in itertools.product(*possible_encodings(ENCODE, text))
    }
    assert set(ENCODE(edited)) <= possible
    for place, of_word in enumerate(possible_encodings(ENCODE, text)):
      alone = ENCODE(sorted(options[place]))
      assert of_word[0] == ENCODE([original.words[place]])[0]
      assert sorted(of_word) == sorted(set(alone))


class TestCertificate:
  TEXTS = ("Good firm", "a folm", "the plots", "stolen story", "fime golds")

  def certified(self, **options):
    """By a model that depends on encodings in no simple way."""
    predict = behind(
      ENCODE, lambda ts: np.array([sum(map(ord, t)) % 3 for t in ts])
    )
    labels = predict(list(self.TEXTS))
    labels[0] = (labels[0] + 1) % 3
    found = certify_typos(predict, ENCODE, self.TEXTS, labels, **options)
    return predict, labels, found

  def test_it_is_that_of_all_texts_with_typos(self):
    predict, labels, found = self.certified()
    for text, label, one in zip(self.TEXTS, labels, found, strict=True):
      original = split(text)
      edited = [
        str(original._replace(words=words))
        for words in itertools.product(*map(with_typos, original.words))
      ]
      assert one.certified == bool((predict(edited) == label).all())
      assert one.num_encodings == len(set(ENCODE(edited)))
      assert one.correct == (predict([text])[0] == label)
      assert (one.stable_words == one.num_words) == (one.num_encodings == 1)
    assert {one.certified for one in found} == {False, True}

  def test_attacks_do_not_succeed_on_certified_texts(self):
    predict, labels, found = self.certified()
    for number in (1, 2):
      attack = recipes.pruthi(num_words=number).run(predict, self.TEXTS, labels)
      for one, result in zip(found, attack, strict=True):
        assert not (one.certified and result.status != "failed")

  def test_texts_of_many_encodings_are_not_certified(self):
    _, _, found = self.certified(max_encodings=1)
    _, _, exact = self.certified()
    for few, all_of_them in zip(found, exact, strict=True):
      assert few.certified == (
        all_of_them.certified and all_of_them.num_encodings == 1
      )

  def test_bad_arguments(self):
    with pytest.raises(ValueError, match="1 texts and 2 labels"):
      certify_typos(len, ENCODE, ["a"], [0, 1])
    with pytest.raises(ValueError, match="max_encodings"):
      certify_typos(len, ENCODE, ["a"], [0], max_encodings=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
  """A classifier of forty reviews with a robust encoding, and without it."""
  folder = tmp_path_factory.mktemp("runs")
  config = sst2.get_config("word_cnn+robust_encoding")
  sst2.smoke_data(config)
  config.model.update(width=4, filters=4)
  train(config, folder / "encoded")
  shutil.copytree(folder / "encoded", folder / "plain")
  path = folder / "plain" / "config.json"
  without = json.loads(path.read_text())
  del without["data"]["robust_encoding"]
  path.write_text(json.dumps(without))
  return folder


class TestRuns:
  def test_a_run_reads_encodings_and_keeps_its_clusters(self, runs):
    run = load_run(runs / "encoded")
    clusters = load_clusters(runs / "encoded" / "word_clusters.json")
    texts = texts_of(run.config, "train").texts
    assert clusters == word_clusters(texts)
    tokenizer = run.dataset("train").info["tokenizer"]
    merged = {word for word, found in clusters.items() if word != found}
    assert merged
    assert not merged & tokenizer.get_vocab().keys()
    encode, tests = encoding_of(run.config), texts_of(run.config, "test").texts
    x = run.dataset("test").read(np.arange(len(tests)))["x"]
    for ids, mask, text in zip(
      x["tokens"], x["mask"], encode(tests), strict=True
    ):
      assert ids[mask].tolist() == tokenizer.encode(text).ids[: len(ids)]

  def test_a_comparison_reads_encodings(self, runs):
    model = parse_models([f"R={runs}/encoded"], kind=Texts())["R"]
    texts = ["a wondreful film", "It was dlul, and lon", ""]
    encoded = encoding_of(load_run(runs / "encoded").config)(texts)
    assert encoded[0] != texts[0]
    np.testing.assert_array_equal(
      model.predict("clean", [], texts), model.predict("clean", [], encoded)
    )

  def test_certified_texts_withstand_attacks(self, runs):
    """Of a model that has its encoding, and of one behind that encoding."""
    front = f"--defense=robust_encoding,run={runs}/encoded"
    found = []
    for run, more, name in (
      ("encoded", [], ""),
      ("plain", [front], "_robust_encoding"),
    ):
      for mode in ("--certify", "--attack=pruthi"):
        flags = [mode, f"--workdir={runs / run}", *more]
        assert command_line("evaluate", *flags) == 0
      certificate = runs / run / f"certificate{name}" / "certified.json"
      certified = json.loads(certificate.read_text())
      attacks = runs / run / f"text_attacks{name}" / "report.json"
      attacked = json.loads(attacks.read_text())["attacks"]["pruthi"]
      assert certified["accuracy"] == attacked["accuracy"]
      assert certified["certified_accuracy"] <= attacked["robust_accuracy"]
      found.append([certified["certified_accuracy"], attacked])
    assert found[0] == found[1]
    assert 0 < certified["words_of_one_encoding"] <= 1

  @pytest.mark.parametrize(
    ("flags", "message"),
    [
      (["--certify"], "without a robust encoding"),
      (["--certify", "--wordnet=x"], "--certify is about typos"),
      (["--attack=typo", "--baseline=x"], "only classifiers of images"),
      (["--certify", "--defense=word_recognition,run=x"], "without a robust"),
      (
        ["--attack=typo", "--defense=robust_encoding,run={}"],
        "is a run without a robust encoding",
      ),
      (
        ["--attack=typo", "--defense=robust_encoding,run={},unknown=neutral"],
        "no option 'unknown'",
      ),
    ],
  )
  def test_bad_requests(self, runs, capsys, flags, message):
    path = runs / "plain"
    flags = [flag.format(path) for flag in flags]
    assert command_line("evaluate", f"--workdir={path}", *flags) == 2
    assert message in capsys.readouterr().err

  def test_other_kinds_of_data_have_none(self, runs, tmp_path):
    config = sst2.get_config("smoke")
    config.data.kind = "words"
    config.data.robust_encoding = {"vocabulary_size": 10}
    with pytest.raises(ValueError, match="expected the kind 'text'"):
      train(config, tmp_path / "run")
