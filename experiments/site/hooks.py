"""Hooks of mkdocs.yml, which add the README and the reference to the pages."""

import contextlib
import pathlib
import posixpath
import re

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

from experiments.cli import catalogue
from experiments.site import links, reference

_NOTEBOOK_LINK = re.compile(r'href="([\w./-]+\.(?:md|ipynb))"')


@contextlib.contextmanager
def _errors_of_one_line():
  """Has MkDocs print bad input without a traceback."""
  try:
    yield
  except ValueError as error:
    raise PluginError(str(error)) from error


def on_config(config):
  """Puts the pages of the reference into the navigation."""
  pages = {
    reference.title(name): reference.page_of(name)
    for name in reference.packages()
  }
  config.nav.append({"Reference": [{name: pages[name]} for name in pages]})
  return config


@_errors_of_one_line()
def on_files(files: Files, *, config) -> Files:
  """Adds the README, the reference, and files that pages link to."""
  _refuse_undocumented()
  for name in reference.packages():
    page = reference.page(name)
    files.append(File.generated(config, reference.page_of(name), content=page))
  readme = links.README.read_text(encoding="utf-8")
  home = links.on_site(catalogue.without_catalogue(readme), links.README)
  files.append(File.generated(config, "index.md", content=home))
  sources = [(links.README, readme)]
  sources += [
    (pathlib.Path(file.abs_src_path), file.content_string)
    for file in files.documentation_pages()
    if file.abs_src_path and file.src_path.endswith(".md")
  ]
  linked = {f for path, text in sources for f in links.linked_files(text, path)}
  for path in sorted(linked):
    place, text = links.page_of_file(path)
    added = File.generated(
      config, place, content=text, inclusion=InclusionLevel.NOT_IN_NAV
    )
    files.append(added)
  return files


@_errors_of_one_line()
def on_page_markdown(markdown: str, *, page: Page, **_) -> str:
  """Mends links that leave docs/."""
  path = page.file.abs_src_path
  if not path or not path.endswith(".md"):
    return markdown
  return links.on_site(markdown, pathlib.Path(path))


@_errors_of_one_line()
def on_page_content(html: str, *, page: Page, files: Files, **_) -> str:
  """Mends links of notebooks, which MkDocs takes as they are."""
  if not page.file.src_path.endswith(".ipynb"):
    return html

  def on_site(match: re.Match[str]) -> str:
    path = posixpath.normpath(
      posixpath.join(page.file.src_path, "..", match[1])
    )
    found = files.get_file_from_path(path)
    if found is None:
      raise ValueError(f"{page.file.src_path} links to {match[1]}: no page.")
    return f'href="{found.url_relative_to(page.file)}"'

  return _NOTEBOOK_LINK.sub(on_site, html)


def _refuse_undocumented() -> None:
  for package in reference.packages():
    for name in [package, *reference.modules(package)]:
      if bare := reference.undocumented(name):
        raise ValueError(
          f"{name} has no docstring for {', '.join(bare)}: write one, or "
          "begin the name with an underscore."
        )
