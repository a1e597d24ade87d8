"""The flag of commands that put several runs side by side."""

import pathlib
from collections.abc import Sequence


def named_runs(values: Sequence[str]) -> dict[str, pathlib.Path]:
  """`["A=DIR", ...]`, as `--model` gives them -> name -> work directory.

  Raises:
    ValueError: there is none, one has no name or directory, or two the same
      name.
  """
  pairs = [value.partition("=") for value in values]
  found = {name: pathlib.Path(path) for name, _, path in pairs if path}
  if not found or len(found) < len(pairs) or "" in found:
    given = " ".join(f"--model={value}" for value in values)
    raise ValueError(
      f"{given or 'no --model'}: expected --model=NAME=WORKDIR, once for each "
      "model and each by another name."
    )
  return found
