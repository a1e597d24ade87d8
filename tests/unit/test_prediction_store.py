"""Predictions are stored for one model, one dataset and one environment."""

import dataclasses
import pathlib
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest
from ml_collections import ConfigDict

from experiments.compare import models, runs
from experiments.compare.open_data import open_images
from experiments.compare.run import compare
from robust_jax.comparison import _partial as partial
from robust_jax.comparison import cases as catalogue
from robust_jax.comparison import code_hash
from robust_jax.comparison.extra_tests import system_noise
from robust_jax.comparison.extra_tests.natural_shifts import NaturalShifts
from robust_jax.comparison.extra_tests.system_noise import SystemNoise
from robust_jax.comparison.load_examples import load_examples
from robust_jax.comparison.model import CLEAN, ComparedModel
from robust_jax.comparison.predict_with_model import ModelFailed
from robust_jax.comparison.prediction_store import PredictionStore
from robust_jax.comparison.run_predictions import has_changed, run_predictions
from robust_jax.data.images import image_dataset
from robust_jax.data.readers.array_images import ArrayImages

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 9, 9, 1), np.uint8)
LABELS = np.arange(12) % 3
NAMES = ("left", "middle", "right")


def _images(pixels=PIXELS, labels=LABELS, names=NAMES, ids=None):
  return load_examples(ArrayImages(pixels, labels, class_names=names, ids=ids))


def _compared_model(**other):
  given = {"kind": "function", "identity": "0", "output_kind": None} | other
  predict = lambda case, ids, images: np.zeros(len(images), int)
  return ComparedModel("a", "here", predict=predict, **given)


def _store(path, model=None, images=None, seed=0, version="0", reference=None):
  images = images or _images()
  return PredictionStore(
    path, model or _compared_model(), images, seed, version, reference
  )


OTHER = {
  "the kind of model": lambda: {"model": _compared_model(kind="run")},
  "the model": lambda: {"model": _compared_model(identity="1")},
  "the kind of outputs": lambda: {
    "model": _compared_model(output_kind="classes")
  },
  "a pixel": lambda: {"images": _images(PIXELS ^ np.uint8(1))},
  "the size": lambda: {"images": _images(PIXELS[:, 1:])},
  "a label": lambda: {"images": _images(labels=LABELS[::-1])},
  "ids": lambda: {"images": _images(ids=[f"x{i}" for i in range(12)])},
  "the order of classes": lambda: {"images": _images(names=NAMES[::-1])},
  "the images drawn": lambda: {
    "images": load_examples(ArrayImages(PIXELS, LABELS, class_names=NAMES), 11)
  },
  "the seed": lambda: {"seed": 1},
  "the code that transforms": lambda: {"version": "1"},
}


@pytest.mark.parametrize("what", OTHER)
def test_nothing_is_found_under_other_circumstances(tmp_path, what):
  _store(tmp_path).save(CLEAN, np.zeros(12, int))
  assert _store(tmp_path).find(CLEAN) is not None
  assert _store(tmp_path, **OTHER[what]()).find(CLEAN) is None


@pytest.mark.parametrize(
  ("setting", "value"),
  [
    ("jax_default_matmul_precision", "high"),
    ("jax_enable_x64", True),
    ("jax_threefry_partitionable", False),
  ],
)
def test_precision_and_random_numbers_count(tmp_path, setting, value):
  _store(tmp_path).save(CLEAN, np.zeros(12, int))
  before = getattr(jax.config, setting)
  jax.config.update(setting, value)
  try:
    assert _store(tmp_path).find(CLEAN) is None
  finally:
    jax.config.update(setting, before)
  assert _store(tmp_path).find(CLEAN) is not None


def test_outputs_are_read_like_those_for_clean_images(tmp_path):
  """Scores of one set were taken for logits, and are probabilities now."""
  scores = np.full((12, 3), 1 / 3)
  main = _store(tmp_path / "main")
  main.save(CLEAN, scores - 2)
  of_set = _store(tmp_path / "set", reference=main)
  of_set.save(CLEAN, scores)
  assert of_set.get(CLEAN).kind == "logits"
  main = _store(tmp_path / "other")
  main.save(CLEAN, scores)
  assert _store(tmp_path / "set", reference=main).find(CLEAN) is None


def _run(monkeypatch, logits_fn):
  """The identity of a run that deploys this model."""
  dataset = image_dataset("bars", (9, 9, 1), 3, 0, lambda indices: [])
  run = types.SimpleNamespace(
    config=ConfigDict({"data": {"kind": "dataset"}}),
    classifier=lambda: logits_fn,
    variables={"params": logits_fn},
    dataset=lambda split: dataset,
  )
  monkeypatch.setattr(runs, "load_run", lambda *_: run)
  return models.parse_models(["A=."])["A"].identity


def test_a_run_is_known_by_weights_and_by_what_it_computes(monkeypatch):
  def of(weights, activation=jnp.tanh):
    def logits(w, x):
      return activation(x.reshape(len(x), -1) @ w)

    return jax.tree_util.Partial(logits, jnp.asarray(weights, jnp.float32))

  weights = RNG.normal(size=(81, 3))
  same, again, other_weights, other_code = (
    _run(monkeypatch, fn)
    for fn in (
      of(weights),
      of(weights.copy()),
      of(weights + 1e-3),
      of(weights, jax.nn.relu),
    )
  )
  assert same == again
  assert len({same, other_weights, other_code}) == 3


@pytest.fixture
def beside(tmp_path, monkeypatch):
  """A model and a family of changes that import a module beside them."""
  (tmp_path / "my_scale.py").write_text("SCALE = 1\n")
  (tmp_path / "my_models").mkdir()
  (tmp_path / "my_models" / "__init__.py").write_text("")
  (tmp_path / "my_models" / "net.py").write_text(
    "from my_scale import SCALE\n\ndef predict(images):\n  return SCALE\n"
  )
  (tmp_path / "my_models" / "family.py").write_text(
    "from . import net\nfrom tests.unit.darker import darker\n"
  )
  monkeypatch.syspath_prepend(tmp_path)
  # Another test may have imported a module of that name.
  monkeypatch.delitem(sys.modules, "my_models", raising=False)
  monkeypatch.setattr(sys, "modules", dict(sys.modules))
  return tmp_path


def test_a_function_is_known_by_the_modules_that_it_imports(beside):
  identity = lambda: (
    models.parse_models(["A=my_models.net:predict"])["A"].identity
  )
  before = identity()
  assert identity() == before
  (beside / "unrelated.py").write_text("SCALE = 2\n")
  assert identity() == before
  (beside / "my_scale.py").write_text("SCALE = 2\n")
  assert identity() != before


def test_changes_are_known_by_the_modules_that_they_import(beside):
  version = lambda *families: (
    catalogue.build_cases([(9, 9, 1)], families).version
  )
  ours, own = version("noise"), version("my_models.family:darker")
  assert version("blur") == ours  # predictions serve other families
  assert own != ours
  (beside / "my_scale.py").write_text("SCALE = 2\n")
  assert version("noise") == ours
  assert version("my_models.family:darker") != own
  assert version("adversarial") != ours


def test_code_of_ours_that_makes_images_is_followed(monkeypatch):
  """A module that corruptions import counts as they do themselves."""
  read, seen = pathlib.Path.read_bytes, set()

  def noted(path):
    seen.add(path.name)
    return read(path)

  monkeypatch.setattr(pathlib.Path, "read_bytes", noted)
  code_hash.code_hash("robust_jax.comparison.data_kinds.images")
  assert {"transformation.py", "random.py", "types.py"} <= seen
  assert "compare.py" not in seen


def test_installed_packages_are_not_followed_wherever_they_are(
  tmp_path, monkeypatch
):
  """Of a user, of the system, or robust_jax itself beside other packages."""
  beside, packages = tmp_path / "beside", tmp_path / "lib" / "site-packages"
  for folder, text in (
    (beside, "import large"),
    (packages, "import robust_jax"),
  ):
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(folder)
    name = "mine.py" if folder is beside else "large.py"
    (folder / name).write_text(text)
  before = code_hash.code_hash("mine")
  (packages / "large.py").write_text("SCALE = 2")
  assert code_hash.code_hash("mine") == before
  monkeypatch.setattr(code_hash, "_OWN", packages / "robust_jax")
  assert code_hash.code_hash("mine") == before
  own = code_hash.code_hash("robust_jax")
  (packages / "robust_jax").mkdir()
  (packages / "robust_jax" / "__init__.py").write_text("import large")
  found = code_hash.code_hash("robust_jax")
  assert found != own
  (packages / "large.py").write_text("SCALE = 3")
  assert code_hash.code_hash("robust_jax") == found


def darkest(images):
  """Classes: the darkest third."""
  thirds = np.stack(images).reshape(len(images), 9, 3, 3)
  return thirds.mean(axis=(1, 3)).argmin(axis=1)


def test_other_weights_show_where_changes_hurt(tmp_path):
  """They agree on clean images, and not when these are darker."""
  pixels = np.full((80, 9, 9, 1), 200, np.uint8)
  images = _images(pixels, np.zeros(80, int))
  cases = catalogue.build_cases(
    images.facts, ["tests.unit.darker:darker"]
  ).cases
  levels = [case for case in cases if case.condition.family == "darker"]

  def model(threshold):
    predict = lambda x: np.array([int(i.mean() < threshold) for i in x])
    model = _compared_model()
    return dataclasses.replace(model, predict=lambda _, __, x: predict(x))

  store = _store(tmp_path, model(180), images)
  assert run_predictions(
    [store], images, levels, 0, lambda _: None, lambda: False
  )
  assert not has_changed(store, images, levels)
  other = _store(tmp_path, model(150), images)
  assert not has_changed(other, images)
  assert has_changed(other, images, levels)


def test_other_weights_show_in_clean_images_that_were_interrupted(tmp_path):
  images = _images(np.tile(PIXELS, (20, 1, 1, 1)), np.tile(LABELS, 20))
  scores = lambda x: np.stack([i.mean(axis=(0, 1)) for i in x]) @ [[1, 2, 3]]

  def model(shift, fails=False):
    def predict(case, ids, images):
      if fails and len(images) < 128:  # the second batch
        raise RuntimeError
      return scores(images) + shift

    return dataclasses.replace(_compared_model(), predict=predict)

  with pytest.raises(ModelFailed):
    run_predictions(
      [_store(tmp_path, model(0, fails=True), images)],
      images,
      (),
      0,
      lambda _: None,
      lambda: False,
    )
  assert not has_changed(_store(tmp_path, model(0), images), images)
  assert has_changed(_store(tmp_path, model(1), images), images)


def test_unusable_outputs_are_not_stored(tmp_path, monkeypatch):
  """A service that was broken for a while is evaluated again."""
  monkeypatch.setattr(partial, "_EVERY", 0)
  images = _images()

  def run(predict):
    one = dataclasses.replace(
      _compared_model(), predict=lambda _, __, x: predict(x)
    )
    store = _store(tmp_path, one, images)
    return run_predictions(
      [store], images, (), 0, lambda _: None, lambda: False
    )

  with pytest.raises(ModelFailed, match="none of 12 outputs"):
    run(lambda x: np.full((len(x), 3), np.nan))
  assert run(lambda x: np.ones((len(x), 3)))


class Counted:
  """Notes how many images it is evaluated on."""

  def __init__(self):
    self.evaluated = 0

  def __call__(self, case, ids, images):
    self.evaluated += len(images)
    return darkest(images)


@pytest.fixture
def folder(tmp_path):
  """Twelve pictures in three classes."""
  for name, image, label in zip(range(12), PIXELS, LABELS, strict=True):
    place = tmp_path / "files" / NAMES[label]
    place.mkdir(parents=True, exist_ok=True)
    picture = PIL.Image.fromarray(image[..., 0])
    picture.save(place / f"{name}.png", compress_level=9)
  return tmp_path


def test_a_finished_comparison_is_none_of_something_else(
  folder, tmp_path, monkeypatch
):
  """Asked again: a look at two cases; after a change: what it concerns."""
  extra_test = lambda: SystemNoise(folder / "files", 9)

  def evaluated(size=9, seed=0, extra_tests=()):
    model = Counted()
    compare(
      {"A": ComparedModel("A", "here", "function", "A", model)},
      open_images(str(folder / "files"), size=size),
      tmp_path / "out",
      families=["tests.unit.darker:darker"],
      extra_tests=extra_tests,
      seed=seed,
    )
    return model.evaluated

  cases = evaluated() // 12
  assert evaluated() == 2 * 12
  assert evaluated(seed=1) == cases * 12
  ways = (evaluated(extra_tests=[extra_test()]) - 2 * 12) // 12
  assert ways > 1
  assert evaluated(extra_tests=[extra_test()]) == 2 * 12
  # The same pixels in another file: who reads it otherwise may see others.
  file = folder / "files" / "left" / "0.png"
  PIL.Image.open(file).save(file, compress_level=0)
  assert evaluated(extra_tests=[extra_test()]) == (2 + ways) * 12
  monkeypatch.setattr(system_noise, "version", lambda name: "another")
  assert evaluated(extra_tests=[extra_test()]) == (2 + ways) * 12


def test_a_natural_shift_is_asked_anew_where_its_images_are_others(tmp_path):
  (tmp_path / "fog").mkdir()
  labels = np.arange(100) % 10
  pixels = RNG.integers(0, 256, (100, 9, 9, 1), np.uint8)
  np.save(tmp_path / "fog" / "test_images.npy", pixels)
  np.save(tmp_path / "fog" / "test_labels.npy", labels)

  def evaluated():
    model = Counted()
    digits = tuple(map(str, range(10)))
    compare(
      {"A": ComparedModel("A", "here", "function", "A", model)},
      ArrayImages(PIXELS, LABELS, class_names=digits),
      tmp_path / "out",
      families=["tests.unit.darker:darker"],
      extra_tests=[NaturalShifts([f"mnist_c/fog={tmp_path}"])],
    )
    return model.evaluated

  evaluated()
  assert evaluated() == 2 * 12 + 64  # a check of what is stored
  np.save(tmp_path / "fog" / "test_labels.npy", labels[::-1])
  assert evaluated() == 2 * 12 + 100
