"""By what it is seen that code has changed."""

import hashlib
import pathlib
from collections.abc import Iterable


def code_digest(files: Iterable[pathlib.Path]) -> str:
  """16 hexadecimal digits of what these files hold, in this order."""
  digest = hashlib.sha256()
  for file in files:
    digest.update(file.read_bytes())
  return digest.hexdigest()[:16]
