"""Class names in the order of a model's outputs."""

import json
import pathlib


def class_names(text: str) -> list[str]:
  """Parses K class names from a file or a list.

  Args:
    text: a file with a name on each line or a JSON list, or names separated by
      commas.

  Raises:
    ValueError: the file cannot be read, there are no names, or one is repeated.
  """
  path = pathlib.Path(text).expanduser()
  names = _of_file(path) if path.is_file() else text.split(",")
  names = [name.strip() for name in names]
  twice = sorted({name for name in names if names.count(name) > 1})
  if twice or not all(names):
    what = f"'{twice[0]}' is repeated" if twice else "a name is empty"
    raise ValueError(
      f"--class_names {text}: {what}; expected a file with a name on each line "
      "or a JSON list of names, or names separated by commas."
    )
  return names


def _of_file(path) -> list[str]:
  try:
    content = path.read_text(encoding="utf-8-sig").strip()
  except (OSError, UnicodeDecodeError) as error:
    raise ValueError(f"--class_names {path} cannot be read: {error}") from error
  if not content.startswith("["):
    return content.splitlines()
  try:
    names = json.loads(content)
  except json.JSONDecodeError as error:
    raise ValueError(f"--class_names {path} is not JSON: {error}") from error
  if not all(isinstance(name, str) for name in names):
    raise ValueError(f"--class_names {path}: expected a list of names.")
  return names
