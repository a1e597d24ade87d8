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
TEXT = [*CODE, ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What still has docstrings to be written anew.
PENDING = {
  "tests/conftest.py",
  "tests/contract",
  "tests/unit",
}
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


@pytest.mark.parametrize("part", sorted({*map(_part, CODE)} - PENDING))
def test_docstrings_of_modules_open_plainly(part):
  for path in CODE:
    if _part(path) == part:
      text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
      assert not RIDDLE.match(text), f"{path}: {text[:60]}"


@pytest.mark.parametrize("part", sorted({*map(_part, TEXT)}))
def test_one_spelling(part):
  for path in TEXT:
    if _part(path) == part and path != pathlib.Path(__file__):
      text = path.read_text("utf-8")
      for title in TITLES:
        text = text.replace(title, "")
      assert OTHER_WORDS.findall(text) == [], path
