"""A config that differs from another in a few places."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict


def with_overrides(
  config: ConfigDict, changes: Mapping[str, Any]
) -> ConfigDict:
  """A copy of the config with nested changes.

  A section that names something (`name`) replaces the one that stood there, as
  the options of the old would not be those of the new; any other is merged.
  Of a field that becomes None nothing is left.
  """
  copy = config.copy_and_resolve_references().unlock()
  for name, value in changes.items():
    old = copy.get(name)
    if value is None:
      if name in copy:
        del copy[name]
    elif isinstance(old, ConfigDict) and "name" not in value:
      copy[name] = with_overrides(old, value)
    else:
      copy[name] = value
  return copy.lock() if config.is_locked else copy
