"""Prose of code and docs: plain openings, one spelling."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = [
  path
  for folder in ("robust_jax", "experiments", "tests")
  for path in sorted((ROOT / folder).rglob("*.py"))
]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = [*CODE, *PAGES]
RIDDLE = re.compile(r"(What|Who|Whose|How|Whether|By what|Where)\b")
# American spelling, and the words of this project for one thing each.
OTHER_WORDS = re.compile(
  r"""
    \w*(?:colour|neighbour|grey(?!s)|behaviour|favour|labelled|labelling)\w*
  | \w*(?:optim|normal|initial|general|maxim|minim|recogn|penal|summar|regular
        |visual|standard)is(?:e|ed|es|er|ers|ing|ation|ations)\b
  | \bdata[ ]sets?\b
  | \btheta\b
  """,
  re.VERBOSE | re.IGNORECASE,
)
TITLES = ("Berkeley Segmentation Data Set",)


def _part(path):
  """The first two parts of a path, by which the rewriting proceeds."""
  return "/".join(path.relative_to(ROOT).parts[:2])


@pytest.mark.parametrize("part", sorted({*map(_part, CODE)}))
def test_docstrings_open_plainly(part):
  kinds = ast.Module | ast.ClassDef | ast.FunctionDef
  for path in CODE:
    if _part(path) == part:
      for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        text = isinstance(node, kinds) and ast.get_docstring(node)
        assert not RIDDLE.match(text or ""), f"{path}: {text[:60]}"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_paragraphs_and_cells_of_pages_open_plainly(path):
  text = re.sub("^```.*?^```", "", path.read_text("utf-8"), flags=re.M | re.S)
  for opening in re.split(r"\n\n|^[#*-]+ |^\*\*", text, flags=re.M):
    assert not RIDDLE.match(opening), opening[:60]
  for cell in re.split(r"\| ", text):
    assert not RIDDLE.match(cell.capitalize()), cell[:60]


@pytest.mark.parametrize("part", sorted({*map(_part, TEXT)}))
def test_one_spelling(part):
  for path in TEXT:
    if _part(path) == part and path != pathlib.Path(__file__):
      text = path.read_text("utf-8")
      for title in TITLES:
        text = text.replace(title, "")
      assert OTHER_WORDS.findall(text) == [], path
