"""Docstrings as the site's reader of them, griffe, knows the sections."""

import griffe


class ExampleSections(griffe.Extension):
  """Shows the section `Example:` as code, which griffe does of `Examples:`."""

  def on_object(self, *, obj: griffe.Object, **_) -> None:
    if obj.docstring:
      text = obj.docstring.value
      obj.docstring.value = text.replace("\nExample:\n", "\nExamples:\n")
