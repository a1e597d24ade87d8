"""From a config section to the object it describes.

A section is a mapping with a `name`, which is a member of the package that
belongs to the section's field, and options of that member, which may be
sections themselves. `build` resolves all of them by one rule.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optax
from ml_collections import ConfigDict

from experiments.build.options import (
  REQUIRED,
  call,
  check_options,
  own_options,
)
from robust_jax import lookup
from robust_jax.attacks.standalone import standalone
from robust_jax.augmentation import chain, perturb
from robust_jax.search.expectation_over_transformation import (
  expectation_over_transformation,
)
from robust_jax.training.optimizer import optimizer
from robust_jax.types import Attack, Model

KINDS = {
  "adversarial_loss": "adversarial_losses",
  "alignment": "adaptation",
  "attack": "attacks",
  "augment": "augmentation",
  "augment_batch": "augmentation.boxes",
  "augmentation": "augmentation",
  "average": "training.weight_averages",
  "certificate": "certificates",
  "constraint": "text.constraints",
  "curve": "attacks",
  "defense": "defenses",
  "divergence": "losses",
  "edit": "text.edits",
  "evaluator": "evaluators",
  "expectation": "perturbations",
  "goal": "text.goals",
  "gradient": "gradients",
  "loss": "training_losses",
  "mix": "augmentation.mixing",
  "model": "models",
  "objective": "losses",
  "optimizer": "optax",
  "penalty": "adversarial_losses.penalties",
  "score": "scores",
  "search": "search",
  "set": "perturbations",
  "solver": "games",
  "table": "text.tables",
  "task": "tasks",
  "text_attack": "text.recipes",
  "text_search": "text.searches",
  "views": "defenses.views",
}
"""Field -> package in which its name is looked up, of robust_jax or optax."""

GROUPS = {
  "attacks": "attack",
  "augmentations": "augmentation",
  "constraints": "constraint",
  "edits": "edit",
  "models": "model",
  "optimizers": "optimizer",
  "penalties": "penalty",
  "text_attacks": "text_attack",
  "validation_attacks": "attack",
}
"""Field of several sections -> field of each of them."""

_CHAINED = ("augmentation", "augmentation.boxes")
_FUNCTIONS = ("losses", "scores")  # functions without options
_OF_OPTIMIZERS = ("schedule", "clip_norm", "weight_decay", "layer_decay")


def is_known(field: str) -> bool:
  """Returns whether a config field of that name has a section, or several."""
  return field in KINDS or field in GROUPS


def build(
  field: str,
  value: Any,
  facts: Mapping[str, Any] | None = None,
  num_steps: int | None = None,
) -> Any:
  """Builds the object that the value of a config field describes.

  Args:
    field: a field of `KINDS` or `GROUPS`. Values of other fields are returned
      unchanged.
    value: a section; for an objective or a score only the name; for a group a
      mapping or a sequence of sections; for augmentations also a sequence,
      which is applied in order.
    facts: facts of the data, such as the number of classes. They are passed to
      the factory if it has a parameter of that name, but not to factories of
      inner sections.
    num_steps: length of the run, which the schedules of optimizers span.

  Raises:
    ValueError: a name or an option is unknown, an option is missing, or an
      option is a fact of the data.
  """
  facts = facts or {}
  if field in GROUPS:
    return _build_each(GROUPS[field], value, facts, num_steps)
  kind = KINDS.get(field)
  if kind in _FUNCTIONS:
    return value and lookup.find(kind, value)
  if kind in _CHAINED and isinstance(value, list | tuple):
    return chain(_build_each(field, value, facts))
  if kind is None or not _is_section(value):
    return value
  if kind == "optax":
    if num_steps is None:
      raise ValueError(
        f"the section '{field}' is inside another one: expected an optimizer "
        "at the top level of the config."
      )
    return optimizer(value, num_steps)
  options = built_options(value)
  if "expectation" in value:
    options["search"] = _expected(options.get("search"), value["expectation"])
  _refuse_facts(field, options, facts)
  return _make(kind, value["name"], options, facts)


def built_options(section: Mapping[str, Any]) -> dict[str, Any]:
  """Builds the options of the member that a section names, by argument."""
  return {
    "pset" if name == "set" else name: build(name, option)
    for name, option in section.items()
    if name not in ("name", "expectation")
  }


def attack(section: Mapping[str, Any], **override: Any) -> Attack:
  """Builds the attack that a config section describes.

  `name` is a factory of `robust_jax.attacks`, or `"package.module:function"`,
  which is an attack itself and gets the other entries as keywords. With a
  section `expectation` of `compose`, which has a perturbation set and
  `num_samples`, the search maximizes the mean over that many random
  transformations from the set.

  Args:
    section: the config section.
    **override: options that replace those of the section's perturbation set,
      or of the section itself if it has no set.
  """
  section = dict(section)
  if "set" in section:
    section["set"] = {**section["set"], **override}
  else:
    section |= override
  return build("attack", section)


def defense(section: Mapping[str, Any]) -> Callable[[Any], Model]:
  """The defense that a config section describes: a function of what it wraps.

  That is a model, or a sequence of models for a defense whose first parameter
  is `logits_fns`; the section then lists, in `runs`, the work directories of
  those beside the model that is evaluated.

  Raises:
    ValueError: there is no such defense, or it has no such options.
  """
  options = {k: v for k, v in section.items() if k != "runs"}
  if "runs" in section and not _takes_several(section["name"]):
    raise ValueError(
      f"defense.runs = {section['runs']}: expected none, because "
      f"'{section['name']}' wraps one model. Leave it out, or name 'ensemble'."
    )
  return build("defense", options)


def _takes_several(name: str) -> bool:
  parameters = inspect.signature(lookup.find("defenses", name)).parameters
  return next(iter(parameters)) == "logits_fns"


def called_with(kind: str, name: str) -> int:
  """Returns the number of arguments of a member that precede its options.

  Searches and the user's own attacks are functions whose options are keywords;
  an average takes the task, a defense the model, a solver the losses and the
  optimizers of the players. All other members are factories.
  """
  if kind == "search" or (kind == "attacks" and lookup.imported_module(name)):
    return 4
  if kind == "games":
    return 2
  return 1 if kind in ("training.weight_averages", "defenses") else 0


def options_of(field: str, section: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the options of the member that a section names, with defaults.

  Args:
    field: field of the section.
    section: a section; without a `name` there are no options.

  Raises:
    ValueError: there is no such member.
  """
  kind = KINDS.get(field)
  if kind is None or "name" not in section:
    return {}
  name = section["name"]
  known = own_options(_find(kind, name), called_with(kind, name))
  if kind == "optax":
    known |= dict.fromkeys(_OF_OPTIMIZERS, REQUIRED)
  if kind == "attacks" and name == "compose":
    known["expectation"] = REQUIRED
  if kind == "defenses" and _takes_several(name):
    known["runs"] = REQUIRED
  if field == "expectation":
    known["num_samples"] = REQUIRED
  return known


def _build_each(field, value, *facts):
  if isinstance(value, Sequence):
    return [build(field, one, *facts) for one in value]
  return {name: build(field, one, *facts) for name, one in value.items()}


def _refuse_facts(field, options, facts):
  for name in options:
    if name in facts:
      raise ValueError(
        f"{field}.{name} = {options[name]}: expected none, {_said(name, facts)}"
      )


def _said(name, facts):
  if name == "dtype":
    return "config.precision sets it for all models. Leave it out."
  return f"the data has {facts[name]}. Leave it out, or choose other data."


def _make(kind, name, options, facts):
  make, leading = _find(kind, name), called_with(kind, name)
  known = own_options(make, leading)
  options = {k: v for k, v in facts.items() if k in known} | options
  if not leading:
    return call(make, **options)
  check_options(make, options, leading)
  made = functools.partial(make, **options)
  return standalone(made) if kind == "attacks" else made


def _find(kind, name):
  if kind == "optax":
    return getattr(optax, name, None) or lookup.find(kind, name)
  return lookup.find(kind, name)


def _expected(search, section):
  options = dict(section)
  if "num_samples" not in options:
    raise ValueError(
      "the section 'expectation' has no num_samples: expected how many "
      "transformations are drawn at each point."
    )
  num_samples = options.pop("num_samples")
  transform = perturb(build("set", options))
  return expectation_over_transformation(search, transform, num_samples)


def _is_section(value: Any) -> bool:
  return isinstance(value, Mapping | ConfigDict)
