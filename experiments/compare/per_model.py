"""Flags whose value applies to one model or to all of them."""

from collections.abc import Collection, Sequence


def per_model(
  flag: str, texts: Sequence[str], names: Collection[str]
) -> dict[str, str]:
  """Returns the value of a flag for each model that has one.

  Args:
    flag: name of the flag, for messages.
    texts: "VALUE" for all models or "NAME=VALUE" for one, which takes
      precedence; several in one text separated by commas.
    names: names of the models.

  Raises:
    ValueError: there is no such model, or it has two values.
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
