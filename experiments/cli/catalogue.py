"""Writes the catalogue of members into the README.

    python -m experiments.cli.catalogue

It stands between two markers there: for each package of robust_jax with an
`__all__`, its members by the names that configs know, each with the first
sentence of its docstring.
"""

import importlib
import inspect
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from absl import flags

from experiments.cli.parse_flags import parse_options
from experiments.cli.run_command import run_command
from robust_jax import lookup

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
_BETWEEN = re.compile(
  r"(?<=<!-- catalogue: written by experiments.cli.catalogue -->\n).*"
  r"(?=<!-- end of the catalogue -->)",
  re.DOTALL,
)
_SECTION = re.compile(r"^## Catalogue\n.*?(?=^## )", re.MULTILINE | re.DOTALL)


def with_catalogue(readme: str) -> str:
  """The text of the README with its catalogue as the code is now.

  Raises:
    ValueError: the text has not the two markers.
  """
  if not _BETWEEN.search(readme):
    raise ValueError(
      "the README has no markers of the catalogue: expected the lines "
      "'<!-- catalogue: written by experiments.cli.catalogue -->' and "
      "'<!-- end of the catalogue -->'."
    )
  sections = "\n".join(map(_section, registries()))
  return _BETWEEN.sub(lambda _: f"\n{sections}\n", readme)


def without_catalogue(readme: str) -> str:
  """The text of the README without the section that has the catalogue."""
  return _SECTION.sub("", readme)


def registries() -> list[str]:
  """Packages and modules of robust_jax whose `__all__` lists their members."""
  package = ROOT / "robust_jax"
  return sorted(
    ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(
      ".__init__"
    )
    for path in package.rglob("*.py")
    if re.search(r"^__all__ = ", path.read_text(encoding="utf-8"), re.MULTILINE)
  )


def first_sentence(docstring: str) -> str:
  """On one line, for a table in Markdown."""
  paragraph = docstring.partition("\n\n")[0]
  line = " ".join(paragraph.split())
  return re.split(r"(?<=[.?])\s", line)[0].replace("|", "\\|")


def _section(kind: str) -> str:
  names = lookup.members(kind)
  about = _about(importlib.import_module(f"robust_jax.{kind}"))
  about = re.sub(r"`(.*?)`", r"<code>\1</code>", about)  # HTML has no backticks
  rows = [f"| `{name}` | {_about(lookup.find(kind, name))} |" for name in names]
  table = "\n".join(["| | |", "|---|---|", *rows])
  return (
    f"<details><summary><b>{kind}</b> ({len(names)}): {about}</summary>\n\n"
    f"{table}\n\n</details>\n"
  )


def _about(value: Any) -> str:
  return first_sentence(inspect.getdoc(value) or "")


def main(arguments: Sequence[str] | None = None) -> None:
  """Rewrites the README where its catalogue is another."""
  parse_options(flags.FlagValues(), arguments, __doc__)
  text = README.read_text(encoding="utf-8")
  README.write_text(with_catalogue(text), encoding="utf-8")


if __name__ == "__main__":
  raise SystemExit(run_command(main))
