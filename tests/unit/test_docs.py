"""What the documents say is done, as they say it."""

import importlib
import io
import pathlib
import re
import shlex

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import main, runs
from experiments.cli.parse_flags import parse_options
from experiments.configs.adversarial import digits_pgd
from experiments.load_run import load_run
from robust_jax import attacks, lookup, perturbations, search

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _code_blocks(name):
  text = (ROOT / name).read_text(encoding="utf-8")
  return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def _commands():
  """(program, arguments) of every command line that a page shows."""
  shown = r"^    (\./launch\.sh|robust-jax|python -m (experiments\S*)) (.*)"
  for page in PAGES:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for _, module, line in re.findall(shown, text, flags=re.MULTILINE):
      words = shlex.split(line.replace("...", ""), comments=True)
      yield module or main.__name__, words


@pytest.mark.parametrize("program", sorted({name for name, _ in _commands()}))
def test_the_commands_of_the_pages_have_the_flags_that_they_show(program):
  for module, words in _commands():
    if module != program:
      continue
    own = importlib.import_module(module)
    known = own._flags() if hasattr(own, "_flags") else main.flags.FLAGS
    given = [word for word in words if word.startswith("--")]
    names = {word[2:].partition("=")[0] for word in given}
    unknown = {n for n in names - {"help"} if not n.startswith("config.")}
    assert unknown <= set(known), words
    if known is not main.flags.FLAGS and "--help" not in words:
      parse_options(known, words, "")


def test_the_attack_of_the_walk_through(tmp_path, monkeypatch):
  attack, section, call, _ = _code_blocks("docs/adding_an_attack.md")
  assert len(attack.strip().splitlines()) < 30
  (tmp_path / "my_attacks.py").write_text(attack)
  monkeypatch.syspath_prepend(tmp_path)

  config = digits_pgd.get_config("smoke")
  with config.unlocked():
    exec(section, {"config": config})
  assert runs.train(config, tmp_path / "run").status == "finished"
  report = runs.evaluate(
    {"model": load_run(tmp_path / "run", "best", ["my_attacks"]).classifier()},
    config,
    tmp_path / "run",
  )
  assert "noisy" in report["accuracy"]["model"]

  # And it is an attack: on a linear model it moves each pixel by eps.
  noisy_sign = lookup.find("attacks", "my_attacks:noisy_sign")
  w = jax.random.normal(jax.random.key(0), (4, 2))
  x = jnp.full((3, 4), 0.5)
  x_adv = noisy_sign(jax.random.key(1), lambda x: x @ w, x, jnp.zeros(3, int))
  expected = 0.5 + 0.1 * jnp.sign(w[:, 1] - w[:, 0])
  assert jnp.allclose(x_adv, expected, atol=1e-6)

  known = {"jax": jax, "attacks": attacks, "noisy_sign": noisy_sign}
  known |= {"logits_fn": lambda x: x @ w, "x": x, "labels": jnp.zeros(3, int)}
  exec(call, known)
  assert jnp.allclose(known["x_adv"], expected, atol=1e-6)
  with pytest.raises(ValueError, match="labels from 2 to 2"):
    exec(call, known | {"labels": jnp.full(3, 2)})


def test_the_objective_of_the_walk_through():
  *_, objective = _code_blocks("docs/adding_an_attack.md")
  x = jnp.full((2, 4, 4, 1), 0.5)
  known = {
    "jnp": jnp,
    "attacks": attacks,
    "search": search,
    "perturbations": perturbations,
    "key": jax.random.key(0),
    "detector": lambda x: {"boxes": x[:, :2, :, 0]},
    "x": x,
    "boxes": x[:, :2, :, 0],
    "mask": jnp.array([[1, 1], [1, 0]]),
  }
  exec(objective, known)
  moved = jnp.abs(known["x_adv"] - x)[..., 0] > 7 / 255
  assert moved[0, :2].all()
  assert moved[1, 0].all()


def test_the_robustness_tests_run():
  images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
  weights = jax.random.normal(jax.random.key(0), (8 * 8 * 3, 10))
  known = {
    "images": images,
    "labels": np.arange(3),
    "jpegs": [_jpeg(image) for image in images],
    "logits_fn": lambda x: x.reshape(len(x), -1) @ weights,
  }
  for block in _code_blocks("docs/robustness_tests.md"):
    exec(block, known)
  assert known["flips"].shape == known["moved"].shape == (3,)
  assert known["found"].changed.shape == (5, 5)
  assert "pillow" in known["noise"].decoders
  assert known["averaged"](np.float32(images) / 255).shape == (3, 10)


def _jpeg(image):
  file = io.BytesIO()
  Image.fromarray(image).save(file, "JPEG")
  return file.getvalue()


@pytest.mark.parametrize(
  "kind",
  [
    "perturbations",
    "search",
    "attacks",
    "black_box",
    "adaptation",
    "corruptions",
    "corruptions.sequences",
    "augmentation",
    "augmentation.mixing",
    "comparison.families",
    "defenses",
    "evaluators",
    "gradients",
    "tasks",
    "training.weight_averages",
    "training_losses",
  ],
)
def test_the_catalogue_lists_what_there_is(kind):
  readme = (ROOT / "README.md").read_text(encoding="utf-8")
  row = re.search(rf"^\| `{kind}` \|(.*)\|$", readme, flags=re.MULTILINE)
  assert row is not None, f"the catalogue has no row `{kind}`"
  assert re.findall(r"`(\w+)`", row.group(1)) == lookup.members(kind)


def test_the_catalogue_lists_the_models():
  import flax.linen as nn

  readme = (ROOT / "README.md").read_text(encoding="utf-8")
  row = re.search(r"^\| `models` \|(.*)\|$", readme, flags=re.MULTILINE)
  found = [
    name
    for name in lookup.members("models")
    if isinstance(thing := lookup.find("models", name), type)
    and issubclass(thing, nn.Module)
  ]
  assert re.findall(r"`(\w+)`", row.group(1)) == found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_that_a_page_names_exist(page):
  text = page.read_text(encoding="utf-8")
  linked = re.findall(r"\]\(([\w/.-]+)(?:#[\w-]+)?\)", text)
  named = re.findall(
    r"\b((?:robust_jax|experiments|docs|tests)/[\w/.-]*\w)", text
  )
  for path in [page.parent / link for link in linked] + [
    ROOT / name for name in named
  ]:
    assert path.exists(), path


def test_the_index_of_results_has_every_page():
  index = (ROOT / "docs/results/README.md").read_text(encoding="utf-8")
  for page in (ROOT / "docs/results").glob("*.md"):
    assert page.stem == "README" or f"({page.name})" in index, page
