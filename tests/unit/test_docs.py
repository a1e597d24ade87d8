"""The documents: their commands, links and examples work as printed."""

import io
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl import flags
from PIL import Image

from experiments import main  # noqa: F401 - which defines the flags
from experiments.cli import catalogue, parse_flags
from experiments.evaluate import evaluate
from experiments.load_run import load_run
from experiments.train import train
from robust_jax import lookup, losses, search
from robust_jax.models import MLP
from tests import conftest
from tests.contract import test_searches

ROOT = pathlib.Path(__file__).resolve().parents[2]
_NAMED_FILE = re.compile(
  r"\b((?:robust_jax|experiments|docs|tests)/[\w/.-]*\w)"
)
_NO_SEPARATOR = re.compile(r"`[^`]*`|\\\|")  # code, and an escaped bar
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def _run(page, folder, known):
  """Runs the code of a page, block by block, as a reader pastes it.

  A block whose first line names a file is written there and imported.

  Args:
    page: below the project's root.
    folder: on the path, for those files.
    known: the names that the page supposes; the code adds its own.

  Returns:
    `known`.
  """
  text = (ROOT / page).read_text(encoding="utf-8")
  for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
    assert all(len(line) <= 80 for line in block.splitlines()), block
    if file := re.match(r"# (\w+\.py)\n", block):
      (folder / file[1]).write_text(block)
    else:
      exec(block, known)
  return known


@pytest.fixture
def run(tmp_path, monkeypatch):
  """(page, names that it supposes) -> all names after its code has run."""
  monkeypatch.syspath_prepend(tmp_path)
  return lambda page, **known: _run(page, tmp_path, known)


def test_the_attack_of_the_page_trains_and_evaluates(run, tmp_path):
  page = run("docs/adding_an_attack.md")
  config = page["config"]
  with config.unlocked():
    config.evaluation.attacks = {"noisy": page["noisy"]}
    config.evaluation.radii = ()
  assert train(config, tmp_path / "run").status == "finished"
  opened = load_run(tmp_path / "run", "best", ["my_attacks"])
  report = evaluate({"model": opened.classifier()}, config, tmp_path / "run")
  assert "noisy" in report["accuracy"]["model"]

  # And it is an attack: on a linear model it moves each pixel by eps.
  weights = jax.random.normal(jax.random.key(0), (4, 2))
  x, labels = jnp.full((3, 4), 0.5), jnp.zeros(3, int)
  attack = page["noisy_sign_attack"](eps=0.1)
  x_adv = attack(jax.random.key(1), lambda x: x @ weights, x, labels)
  expected = 0.5 + 0.1 * jnp.sign(weights[:, 1] - weights[:, 0])
  assert jnp.allclose(x_adv, expected, atol=1e-6)

  # The objective leaves padded boxes alone.
  moved = jnp.abs(page["x_adv"] - page["x"])[..., 0] > 7 / 255
  assert moved[0, :2].all()
  assert moved[1, 0].all()


def test_the_set_of_the_page_offsets_each_channel(run):
  page = run("docs/adding_a_set.md")
  change = page["x_adv"] - page["x"]
  inside = (page["x_adv"] > 0) & (page["x_adv"] < 1)
  offset = jnp.where(inside, change, 0).sum((1, 2)) / inside.sum((1, 2))
  assert jnp.all(jnp.abs(offset) <= 0.2 + 1e-6)
  np.testing.assert_allclose(
    page["x_adv"], jnp.clip(page["x"] + offset[:, None, None], 0, 1), atol=1e-5
  )


def test_the_search_of_the_page_keeps_the_laws(run):
  run("docs/adding_a_search.md")
  pair = test_searches.Pair("my_searches:annealed", "linf")
  for law in (
    test_searches.test_value_is_the_objective_at_delta_and_no_less_than_clean,
    test_searches.test_delta_is_feasible,
    test_searches.test_nan_never_wins_and_stays_with_its_example,
    test_searches.test_changing_the_neighbors_changes_nothing,
  ):
    law(pair)


def test_the_climb_of_the_page_keeps_the_laws(run):
  run("docs/adding_a_search.md")
  pair = test_searches.Pair("my_climbs:climb", "linf")
  test_searches.test_value_is_the_objective_at_delta_and_no_less_than_clean(
    pair
  )
  test_searches.test_delta_is_feasible(pair)
  test_searches.test_other_scales_compile_nothing_and_something_is_found(pair)


def test_the_corruption_of_the_page_darkens_the_corners(run):
  page = run("docs/adding_a_corruption.md")
  for images in (page["corrupted"], page["augmented"]):
    assert jnp.all(images[:, 16, 16] > images[:, 0, 0])
  # c r^2 at a corner, where the axis moves r by up to a quarter.
  falloff = 1 - page["corrupted"][:, 0, 0] / 0.5
  assert jnp.all((falloff > 0.5 * 0.75**2) & (falloff < 0.5 * 1.25**2 + 0.01))
  (change,) = page["lenses"]([(32, 32, 3)]).transformations
  assert change.change is page["vignette"]


def test_the_training_loss_of_the_page_is_a_mixture(run):
  page = run("docs/adding_a_training_loss.md")
  assert page["report"].keys() == {"loss", "accuracy", "adversarial_loss"}


def test_the_task_of_the_page_trains_from_a_config(run, tmp_path):
  page = run("docs/adding_a_task.md")
  assert page["state"].step == 3
  outcome = train(page["config"], tmp_path / "run")
  assert outcome.status == "finished"


def test_a_function_from_outside_is_a_member_for_a_run_of_the_tests(
  run, monkeypatch
):
  run("docs/adding_a_search.md")
  monkeypatch.setattr(search, "__all__", list(search.__all__))
  monkeypatch.setattr(search, "annealed", None, raising=False)
  conftest.add_member("search=my_searches:annealed")
  assert "annealed" in lookup.members("search")
  assert callable(lookup.find("search", "annealed"))


def test_models_of_other_frameworks_are_attacked_as_the_page_says(run):
  page = run("docs/guides/other_frameworks.md")
  x, attack = page["x"], page["pgd"]
  for name in ("plain", "nnx_model", "equinox_model", "haiku_model"):
    model = page[name]
    assert model(x).shape == (4, 4)
    x_adv = attack(page["key"], model, x, page["labels"])
    loss = losses.cross_entropy
    assert jnp.all(
      loss(model(x_adv), page["labels"]) >= loss(model(x), page["labels"])
    )
  assert list(page["accuracies"]) == [
    *("clean", "apgd-ce", "apgd-t", "fab-t", "square")
  ]
  scores = page["predict"]([np.full((8, 8, 1), 255, np.uint8)])
  expected = page["haiku_model"](jnp.ones((1, 8, 8, 1)))
  np.testing.assert_allclose(scores, expected, atol=1e-5)
  assert page["adversarial"].shape == (5, 1, 8, 8)


def test_the_robustness_tests_run(run):
  images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
  weights = jax.random.normal(jax.random.key(0), (8 * 8 * 3, 10))
  page = run(
    "docs/robustness_tests.md",
    images=images,
    labels=np.arange(3),
    jpegs=[_jpeg(image) for image in images],
    logits_fn=lambda x: x.reshape(len(x), -1) @ weights,
  )
  assert page["flips"].shape == page["moved"].shape == (3,)
  assert page["found"].changed.shape == (5, 5)
  assert "pillow" in page["noise"].decoders
  assert page["averaged"](np.float32(images) / 255).shape == (3, 10)


def test_the_guide_to_attacks_runs(run):
  page = run("docs/guides/attack.md")
  model, key, x, y = (page[name] for name in ("model", "key", "x", "y"))
  seen = model(page["nearest"]).argmax(axis=1)
  assert jnp.all((seen != y) | (model(x).argmax(axis=1) != y))
  assert jnp.all((page["distance"] > 0) == (model(x).argmax(axis=1) == y))
  for name in ("fgsm", "pgd", "suite"):
    assert jnp.abs(page[name](key, model, x, y) - x).max() <= 0.1 + 1e-6
  assert page["found"].success.all()
  assert page["found"].queries.max() <= 500


def test_the_guide_to_texts_runs(run, monkeypatch):
  monkeypatch.chdir(ROOT)
  page = run("docs/guides/text.md")
  assert len(page["results"]) == len(page["texts"]) - 30
  assert page["result"].adversarial == "a bda film"


def test_the_function_of_the_guide_to_deployment_is_a_model(run):
  run("docs/guides/deploy.md")
  images = [np.full((2, 2, 3), value, np.uint8) for value in (0, 255)]
  predict = lookup.import_function("my_model:predict")
  assert predict(images).argmax(axis=1).tolist() == [1, 0]


def test_the_code_of_the_questions_runs(run):
  x_adv = jnp.linspace(0, 1, 7)
  page = run("docs/faq.md", model=lambda x: x, mean=0.5, std=0.25, x_adv=x_adv)
  assert page["normalized"](jnp.array(0.75)) == 1
  assert jnp.abs(page["rounded"] - x_adv).max() <= 0.5 / 255 + 1e-6


def test_the_family_of_the_page_turns_images_upside_down(run):
  family = run("docs/compare.md")["upside_down"]([(2, 3, 1)])
  images = np.arange(6, dtype=np.uint8).reshape(1, 2, 3, 1)
  (change,) = family.transformations
  assert change.change(images, 1).ravel().tolist() == [5, 4, 3, 2, 1, 0]


def _jpeg(image):
  file = io.BytesIO()
  Image.fromarray(image).save(file, "JPEG")
  return file.getvalue()


def test_the_catalogue_is_that_of_the_code():
  text = catalogue.README.read_text(encoding="utf-8")
  assert catalogue.with_catalogue(text) == text, (
    "the README's catalogue is of another time: run "
    "`python -m experiments.cli.catalogue`"
  )
  for kind in catalogue.registries():
    for name in lookup.members(kind):
      assert f"| `{name}` |" in text, f"{kind}: {name}"


def test_the_attack_of_the_readme_runs(run):
  x, network = jnp.full((2, 4, 4, 1), 0.5), MLP(features=(4,))
  variables = network.init(jax.random.key(0), x)
  page = run(
    "README.md", network=network, variables=variables, x=x, labels=[0, 1]
  )
  assert jnp.abs(page["x_adv"] - x).max() <= 8 / 255 + 1e-6


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_that_a_page_names_exist(page):
  text = page.read_text(encoding="utf-8")
  links = re.findall(r"\]\(([\w/.-]+)(?:#[\w-]+)?\)", text)
  paths = [page.parent / link for link in links]
  if not page.stem.startswith("adding_"):  # which name files to be written
    paths += [ROOT / name for name in _NAMED_FILE.findall(text)]
  for path in paths:
    assert path.exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_tables_of_a_page_have_a_header_and_rows_of_one_length(page):
  text = page.read_text(encoding="utf-8")
  for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
    rows = table.splitlines()
    assert re.fullmatch(r"[|: -]+", rows[1]), table
    lengths = {_NO_SEPARATOR.sub("", row).count("|") for row in rows}
    assert len(lengths) == 1, table


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_of_a_page_name_flags_and_configs(page):
  text = page.read_text(encoding="utf-8").replace("\\\n", " ")
  for command in re.findall(r"\./launch\.sh ([^|`\n]*)", text):
    for flag in re.findall(r"(?<!\S)--(\w+)", command):
      assert flag in flags.FLAGS, f"{flag} in {command}"
    for config in re.findall(r"--config=(experiments/\S+)", command):
      assert parse_flags.load_config(config), command


def test_the_index_of_results_has_every_page():
  index = (ROOT / "docs/results/README.md").read_text(encoding="utf-8")
  for page in (ROOT / "docs/results").glob("*.md"):
    assert page.stem == "README" or f"({page.name})" in index, page
