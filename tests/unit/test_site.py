"""The site: every page in its navigation, every public name in its reference.

`./launch.sh docs` builds it and checks its links; this needs no MkDocs.
"""

import collections
import importlib
import pathlib
import re
import types

import pytest
import yaml

from experiments.cli import catalogue
from experiments.site import links, reference

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb")]
_SHOWN = re.compile(
  r"^::: (\S+)\n    options:\n((?:      .*\n)*)", re.MULTILINE
)


def _leaves(nav):
  if isinstance(nav, str):
    return [nav]
  children = nav.values() if isinstance(nav, dict) else nav
  return [leaf for child in children for leaf in _leaves(child)]


def test_the_navigation_has_each_page_once():
  config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
  below_docs = [str(path.relative_to(ROOT / "docs")) for path in PAGES]
  assert sorted(_leaves(config["nav"])) == sorted(["index.md", *below_docs])


def _shown():
  """Names on the pages of the reference, as often as they are there."""
  for package in reference.packages():
    for name, options in _SHOWN.findall(reference.page(package)):
      if "show_root_heading: true" in options:
        yield name
      for member in re.findall(r"'(\w+)'", options):
        yield f"{name}.{member}"


def test_every_public_package_has_a_page():
  titles = [reference.title(name) for name in reference.packages()]
  assert len(set(titles)) == len(titles)
  for kind in catalogue.registries():
    parent = kind.rpartition(".")[0] or "robust_jax"
    assert kind in titles or parent in titles, kind


def test_every_public_name_is_in_the_reference_once():
  counts = collections.Counter(_shown())
  assert counts.most_common(1)[0][1] == 1
  for kind in catalogue.registries():
    home = importlib.import_module(f"robust_jax.{kind}")
    for member in (getattr(home, name) for name in home.__all__):
      if not isinstance(member, types.ModuleType):
        assert f"{member.__module__}.{member.__name__}" in counts, member
  assert "robust_jax.models.inference.inference_fn" in counts
  assert "robust_jax.types.Model" in counts


def test_the_members_of_a_page_are_introduced_by_their_first_sentence():
  page = reference.page("robust_jax.search")
  sentence = (
    "Projected gradient ascent (PGD): repeated steps along the gradient."
  )
  assert f"| [`pgd`][robust_jax.search.pgd.pgd] | {sentence} |" in page


def test_every_public_name_has_a_docstring():
  for package in reference.packages():
    for name in [package, *reference.modules(package)]:
      assert reference.undocumented(name) == [], name


@pytest.mark.parametrize(
  ("page", "link", "expected"),
  [
    ("README.md", "docs/compare.md", "compare.md"),
    ("README.md", "docs/results/README.md", "results/README.md"),
    ("README.md", "launch.sh", "source/launch.sh.md"),
    ("docs/compare.md", "detection.md", "detection.md"),
    ("docs/compare.md", "../README.md", "index.md"),
    ("docs/results/text.md", "../../README.md", "../index.md"),
    (
      "docs/results/text.md",
      "../../robust_jax/types.py",
      "../source/robust_jax/types.py.md",
    ),
    ("docs/compare.md", "https://example.org/a.md", "https://example.org/a.md"),
  ],
)
def test_a_link_is_the_same_file_on_the_site(page, link, expected):
  text = f'[a]({link}), [b]({link}#c) and <img src="{link}">'
  on_site = links.on_site(text, ROOT / page)
  assert on_site == text.replace(link, expected)


def test_code_and_anchors_are_no_links():
  text = "[a](#b)\n```python\nx[0](nowhere.md)\n```\n[c](compare.md)"
  assert links.on_site(text, ROOT / "docs/ARCHITECTURE.md") == text


@pytest.mark.parametrize("link", ["nowhere.md", "../../outside.md", "results"])
def test_a_link_to_no_file_of_the_repository_is_refused(link):
  message = f"docs/compare.md links to {link}: expected a file"
  with pytest.raises(ValueError, match=re.escape(message)):
    links.on_site(f"[a]({link})", ROOT / "docs/compare.md")


def test_files_outside_docs_have_a_page_with_their_text():
  text = "[a](compare.md) [b](../README.md) [c](../launch.sh)"
  page = ROOT / "docs/ARCHITECTURE.md"
  (file,) = links.linked_files(text, page)
  place, shown = links.page_of_file(file)
  assert place in links.on_site(text, page)
  assert file.read_text(encoding="utf-8") in shown


def test_the_home_page_leaves_out_the_catalogue_alone():
  readme = (ROOT / "README.md").read_text(encoding="utf-8")
  home = catalogue.without_catalogue(readme)
  assert "<details>" not in home
  headings = re.compile("^## .*$", re.MULTILINE)
  left_out = set(headings.findall(readme)) - set(headings.findall(home))
  assert left_out == {"## Catalogue"}
