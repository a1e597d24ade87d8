"""Config sections that name something: from plain values to one object."""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from robust_jax import lookup
from robust_jax.data.augmentation import chain
from robust_jax.types import Augmentation, Mixing, PerturbationSet

_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def call(make: Callable[..., Any], *args: Any, **options: Any) -> Any:
  """`make(*args, **options)`, with a clear error on an option that is unknown
  or of a type that `make` cannot take."""
  check_options(make, options, len(args))
  try:
    return make(*args, **options)
  except TypeError as error:
    given = ", ".join(f"{name}={value!r}" for name, value in options.items())
    raise ValueError(f"{make.__name__}({given}): {error}") from error


def check_options(
  make: Callable[..., Any], options: Mapping[str, Any], called_with: int = 0
) -> None:
  """Checks that `make` takes the options, and that none is missing.

  Args:
    make: what a section names.
    options: of the section.
    called_with: how many arguments come before the options.

  Raises:
    ValueError: it does not, and the nearest name is given, or one is.
  """
  known = own_options(make, called_with)
  takes = f"takes {', '.join(known) or 'none'}."
  options = ["set" if name == "pset" else name for name in options]
  for name in options:
    if name not in known:
      near = difflib.get_close_matches(name, known, n=1)
      hint = f"did you mean '{near[0]}'? It" if near else "it"
      raise ValueError(
        f"{make.__name__} has no option '{name}'; {hint} {takes}"
      )
  for name, default in known.items():
    if default is inspect.Parameter.empty and name not in options:
      raise ValueError(f"{make.__name__} needs the option '{name}'; it {takes}")


def own_options(
  make: Callable[..., Any], called_with: int = 0
) -> dict[str, Any]:
  """The options of what a section names, and their defaults if they have one.

  A perturbation set, `pset`, is the section `set`.

  Args:
    make: what the section names.
    called_with: how many arguments come before the options.
  """
  parameters = list(inspect.signature(make).parameters.values())
  return {
    "set" if one.name == "pset" else one.name: one.default
    for one in parameters[called_with:]
    # Every linen module has the fields parent and name.
    if one.name not in ("parent", "name") and one.kind not in _REST
  }


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
