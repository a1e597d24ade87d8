"""The names of classes, in the order of a model's outputs."""

import json
import pathlib


def class_names(text: str) -> list[str]:
  """K names of a file or a list.

  Args:
    text: a file with a name on each line or a JSON list, or the names
      themselves with commas between.

  Raises:
    ValueError: a file that cannot be read, no names, or one given twice.
  """
  path = pathlib.Path(text).expanduser()
  names = _of_file(path) if path.is_file() else text.split(",")
  names = [name.strip() for name in names]
  twice = sorted({name for name in names if names.count(name) > 1})
  if twice or not all(names):
    what = f"'{twice[0]}' is given twice" if twice else "one has no letters"
    raise ValueError(
      f"--class_names {text}: {what}; expected a file with a name on each line "
      "or a JSON list of names, or names with commas between."
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
    raise ValueError(f"--class_names {path} is no JSON: {error}") from error
  if not all(isinstance(name, str) for name in names):
    raise ValueError(f"--class_names {path}: expected a list of names.")
  return names
