"""Links of the documents as the site needs them.

On GitHub a link names any file of the repository. On the site the README is the
page index.md, other files below docs/ are where they are, and a file of the
repository outside docs/ has a page of its own with its text.
"""

import os
import pathlib
import re
from collections.abc import Callable

from experiments.cli.catalogue import ROOT

DOCS, README = ROOT / "docs", ROOT / "README.md"
_LINK = re.compile(r'(?<=\]\()[^)\s#]+(?=[#)])|(?<=src=")[^"]+(?=")')
_FENCED = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def on_site(text: str, source: pathlib.Path) -> str:
  """The Markdown of the file `source` with its links as on the site.

  Raises:
    ValueError: a link names no file of the repository.
  """
  page = DOCS / "index.md" if source == README else source

  def rewritten(link: str) -> str:
    if "://" in link:
      return link
    goal = DOCS / _place(target(link, source))
    return os.path.relpath(goal, page.parent)

  return _map_links(rewritten, text)


def linked_files(text: str, source: pathlib.Path) -> list[pathlib.Path]:
  """The files outside docs/ that the Markdown of `source` links to."""
  found: list[pathlib.Path] = []

  def keep(link: str) -> str:
    if "://" not in link:
      found.append(target(link, source))
    return link

  _map_links(keep, text)
  return [path for path in found if path != README and DOCS not in path.parents]


def target(link: str, source: pathlib.Path) -> pathlib.Path:
  """The file that a relative link in `source` names.

  Raises:
    ValueError: there is no such file in the repository.
  """
  path = pathlib.Path(os.path.normpath(source.parent / link))
  if not path.is_file() or ROOT not in path.parents:
    raise ValueError(
      f"{source.relative_to(ROOT)} links to {link}: expected a file of the "
      "repository, relative to the page."
    )
  return path


def page_of_file(path: pathlib.Path) -> tuple[str, str]:
  """(place below docs/, Markdown) of the page that shows a file's text."""
  name = str(path.relative_to(ROOT))
  kind = {".py": "python", ".sh": "bash"}.get(path.suffix, "text")
  text = path.read_text(encoding="utf-8")
  return _place(path), f"# {name}\n\n````{kind}\n{text}````\n"


def _place(path: pathlib.Path) -> str:
  if path == README:
    return "index.md"
  if DOCS in path.parents:
    return str(path.relative_to(DOCS))
  return f"source/{path.relative_to(ROOT)}.md"


def _map_links(change: Callable[[str], str], text: str) -> str:
  parts = _FENCED.split(text)
  parts[::2] = [
    _LINK.sub(lambda match: change(match[0]), part) for part in parts[::2]
  ]
  return "".join(parts)
