"""Checks that a page of a comparison is whole and needs nothing else."""

import html.parser


def check_page(text: str) -> None:
  """Tags are closed, links lead somewhere, and what is shown has a name."""
  seen = _Page()
  seen.feed(text)
  assert not seen.open
  assert len(seen.ids) == len(set(seen.ids))
  assert seen.links <= {f"#{name}" for name in seen.ids}
  assert all(source.startswith("data:image/png") for source in seen.sources)
  assert seen.unnamed == []
  assert "http" not in text.replace("http-equiv", "")


class _Page(html.parser.HTMLParser):
  """Collects open tags, names and links."""

  VOID = frozenset({"meta", "link", "img", "br"})

  def __init__(self):
    super().__init__()
    self.open, self.ids, self.links = [], [], set()
    self.sources, self.unnamed = [], []

  def handle_starttag(self, tag, attrs):
    given = dict(attrs)
    if tag not in self.VOID:
      self.open.append(tag)
    if "id" in given:
      self.ids.append(given["id"])
    if tag == "a":
      self.links.add(given["href"])
    if tag == "img":
      self.sources.append(given["src"])
    named = {"img": "alt", "svg": "aria-label", "th": "scope"}
    hidden = given.get("aria-hidden") == "true"
    if tag in named and not hidden and not given.get(named[tag]):
      self.unnamed.append((tag, given))

  def handle_startendtag(self, tag, attrs):
    pass  # closed at once, as shapes of SVG are

  def handle_endtag(self, tag):
    assert self.open.pop() == tag
