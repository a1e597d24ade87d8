"""Files of JSON that may be cut short, edited by hand or something else."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any


def read_json(
  path: pathlib.Path, remedy: str, fields: Sequence[str] = ()
) -> dict[str, Any]:
  """The JSON object in a file.

  Args:
    path: of the file.
    remedy: what to do about a damaged one, as a sentence.
    fields: names that the object must have.

  Raises:
    ValueError: the file cannot be read, is no JSON, or no object with these
      fields; the message names the file.
  """
  try:
    found = json.loads(path.read_text(encoding="utf-8"))
  except (OSError, ValueError, RecursionError) as error:
    raise ValueError(
      f"{path} cannot be read as JSON ({error}). {remedy}"
    ) from error
  missing = [f for f in fields if not isinstance(found, dict) or f not in found]
  if missing or not isinstance(found, dict):
    wanted = ", ".join(fields) or "any"
    raise ValueError(
      f"{path} holds another thing than expected: wanted an object with the "
      f"fields {wanted}. {remedy}"
    )
  return found
