"""Flags whose value is for one model, or for all of them."""

from collections.abc import Collection, Sequence


def per_model(
  flag: str, texts: Sequence[str], names: Collection[str]
) -> dict[str, str]:
  """Name of a model -> the value that is given for it, of those that have one.

  Args:
    flag: its name, for messages.
    texts: "VALUE" for all models or "NAME=VALUE" for one, which goes first;
      several in one text with commas between.
    names: of the models.

  Raises:
    ValueError: no such model, or two values for one.
  """
  found: dict[str | None, str] = {}
  for text in (part for one in texts for part in one.split(",")):
    name, equals, value = (part.strip() for part in text.rpartition("="))
    key = name if equals else None
    if equals and name not in names:
      raise ValueError(
        f"--{flag} {text}: there is no model '{name}': expected one of "
        f"{', '.join(names)}."
      )
    if key in found or not value:
      raise ValueError(f"--{flag} {text}: expected one value for each model.")
    found[key] = value
  return {
    name: found.get(name, found.get(None, ""))
    for name in names
    if name in found or None in found
  }
