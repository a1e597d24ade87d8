"""The page of attacks on texts."""

import html
import re

from experiments.texts.page import write_text_page
from robust_jax.text.results import TextResult, segments
from robust_jax.text.split_text import split

EVIL = "a <script>alert(1)</script> good & bad film"


def page(tmp_path, results):
  path = tmp_path / "report.html"
  write_text_page(path, "films, 3 texts", {"typo": results}, ["bad", "good"])
  return path.read_text()


def test_every_success_is_shown_and_nothing_else(tmp_path):
  a = split(EVIL)
  won = TextResult(a, a.replace(5, "bda"), 1, 1, 0, "successful", 7)
  lost = TextResult(
    split("it failed"), split("it fialed"), 1, 1, 1, "failed", 3
  )
  text = page(tmp_path, [won, lost])
  assert "<script" not in text
  assert "failed</td>" not in text
  assert "fialed" not in text
  (cell,) = re.findall(r'<td class="text">(.*?)</td>', text, re.DOTALL)
  edited = re.sub(r"<del>.*?</del>", "", cell)
  assert html.unescape(re.sub(r"</?ins>", "", edited)) == won.adversarial
  original = re.sub(r"<ins>.*?</ins>", "", cell)
  assert html.unescape(re.sub(r"</?del>", "", original)) == EVIL


def test_an_attack_without_success_says_so(tmp_path):
  a = split("a film")
  assert "no success" in page(
    tmp_path, [TextResult(a, a, 1, 1, 1, "failed", 3)]
  )


def test_segments_are_both_texts():
  a = split("A good, good film")
  result = TextResult(
    a, a.replace(1, "bad").replace(3, "movie"), 1, 1, 0, "successful", 3
  )
  pairs = segments(result)
  kept = {
    skipped: "".join(text for kind, text in pairs if kind != skipped)
    for skipped in ("old", "new")
  }
  assert kept == {"old": "A bad, good movie", "new": "A good, good film"}
