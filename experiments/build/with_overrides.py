"""Configs that differ from another one in a few places."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict


def with_overrides(
  config: ConfigDict, changes: Mapping[str, Any]
) -> ConfigDict:
  """Returns a copy of a config with nested changes.

  Args:
    config: the config, which is not edited.
    changes: new values of fields. A section with a `name` replaces the old one,
      because the options of one thing are not those of another; other sections
      are merged. None removes a field.
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


def overrides(before: ConfigDict, after: ConfigDict) -> dict[str, Any]:
  """Returns the fields of `after` that are not those of `before`, nested."""
  found = {}
  for name, value in after.items():
    old = before.get(name)
    if isinstance(value, ConfigDict) and isinstance(old, ConfigDict):
      if inner := overrides(old, value):
        found[name] = inner
    elif value != old:
      found[name] = value
  return found
