"""How the lines of a picture are told apart."""

_COLOURS = ("#0b6e99", "#c8553d", "#588157", "#8d6a9f", "#b08900", "#444444")
_DASHES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D", "v")


def line_style(index: int, *, marker: bool = False) -> dict[str, str]:
  """matplotlib's keywords for the index-th line.

  Neighbors differ in their dashes, so they are told apart without color too.
  The first 12 lines all differ; with markers, the first 60.
  """
  style = {
    "color": _COLOURS[index % len(_COLOURS)],
    "linestyle": _DASHES[index % len(_DASHES)],
  }
  if marker:
    style["marker"] = _MARKERS[index % len(_MARKERS)]
  return style
