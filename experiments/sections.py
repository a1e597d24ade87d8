"""Config sections that name something: from plain values to one object."""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from robust_jax import lookup
from robust_jax.data.augmentation import chain
from robust_jax.types import Augmentation, Mixing, PerturbationSet


def call(make: Callable[..., Any], *args: Any, **options: Any) -> Any:
  """`make(*args, **options)`, with a clear error on an unknown option."""
  check_options(make, options)
  return make(*args, **options)


def check_options(make: Callable[..., Any], options: Mapping[str, Any]) -> None:
  """Every option is a parameter of `make`.

  Raises:
    ValueError: one is not; the nearest name is given.
  """
  known = list(inspect.signature(make).parameters)
  for name in options:
    if name not in known:
      near = difflib.get_close_matches(name, known, n=1)
      hint = f"did you mean '{near[0]}'?" if near else f"it takes {known}."
      raise ValueError(f"{make.__name__} has no option '{name}'; {hint}")


def perturbation_set(
  section: Mapping[str, Any], override: Mapping[str, Any]
) -> PerturbationSet:
  """The set that a config section describes, some of its options replaced."""
  options = dict(section)
  make = lookup.find("perturbations", options.pop("name"))
  return call(make, **options | dict(override))


def augmentation(
  section: Mapping[str, Any] | Sequence[Mapping[str, Any]],
) -> Augmentation:
  """What a config section describes; of several, one after the other.

  `name` is a factory of `robust_jax.data.augmentation`, which gets the other
  entries; `set` describes a perturbation set, and `augmentation` and
  `augmentations` are sections of the same kind.
  """
  if isinstance(section, list | tuple):
    return chain([augmentation(one) for one in section])
  options = dict(section)
  make = lookup.find("data.augmentation", options.pop("name"))
  if "set" in options:
    options["pset"] = perturbation_set(options.pop("set"), {})
  if "augmentation" in options:
    options["augmentation"] = augmentation(options["augmentation"])
  if "augmentations" in options:
    parts = options["augmentations"]
    options["augmentations"] = [augmentation(one) for one in parts]
  return call(make, **options)


def mixing(section: Mapping[str, Any]) -> Mixing:
  """What a config section describes: `name`, of `robust_jax.data.mixing`."""
  options = dict(section)
  return call(lookup.find("data.mixing", options.pop("name")), **options)
