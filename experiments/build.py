"""From a config's plain values to the objects they name."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import numpy as np
from ml_collections import ConfigDict

from experiments.check_config import check_config
from experiments.plan import plan
from experiments.sections import (
  augmentation,
  call,
  check_options,
  mixing,
  perturbation_set,
)
from robust_jax import lookup
from robust_jax.adaptation.records import Alignment
from robust_jax.attacks.standalone import standalone
from robust_jax.data.augmentation import perturb
from robust_jax.data.dataset import Dataset, spec_of_batch
from robust_jax.data.load import load
from robust_jax.data.loader import Loader, evaluation_loader, training_loader
from robust_jax.data.match_shapes import match_shapes
from robust_jax.data.paired_loader import (
  paired_evaluation_loader,
  paired_loader,
)
from robust_jax.search.transformations import expectation_over_transformation
from robust_jax.training.loop import Plan
from robust_jax.training.optimiser import optimiser
from robust_jax.types import Attack, Batch, PyTree, Task

# Arguments of an attack, and of a search, before its options.
_CALLED_WITH = 4
# Sections that a config need not have, though the task takes them.
_OPTIONAL = ("warm_start", "augment", "mix", "consistency")


Facts = Mapping[str, Any]
"""What the data say, by the names that models and others give to options:
`num_classes`, `image_shape`, `num_domains`, ..."""


class Experiment(NamedTuple):
  """All that training needs."""

  task: Task
  training: Loader
  validation: Loader
  plan: Plan


def experiment(
  config: ConfigDict, warm_start: Callable[[PyTree], PyTree] | None = None
) -> Experiment:
  """Everything that a config's training needs; fails before it starts.

  Args:
    config: of the run.
    warm_start: what the model's initial variables become, as
      `warm_start.warm_start_of` makes it of the section of that name.

  Raises:
    ValueError: a name or an option is unknown, or does not fit the others.
  """
  check_config(config)
  for section in config.evaluation.get("attacks", {}).values():
    attack(section)  # refused now, instead of after the training
  training, validation, facts = loaders(config)
  steps = plan(config.training, training.num_steps)
  own = model(config, facts["num_classes"])
  return Experiment(
    task=task(config, own, steps.num_steps, warm_start),
    training=training,
    validation=validation,
    plan=steps,
  )


def loaders(config: ConfigDict) -> tuple[Loader, Loader, Facts]:
  """For training, for validation, and facts of the data."""
  return _kind(config).loaders(config)


def dataset(config: ConfigDict, split: str) -> Dataset:
  """The part `split` of the data that a trained model is for.

  Of data between domains that is the target's.
  """
  return _kind(config).dataset(config, split)


def describe(config: ConfigDict) -> tuple[Batch, Facts]:
  """A batch of two examples as training sees it, shapes and dtypes; facts."""
  return _kind(config).describe(config)


def _paired_loaders(config):
  sources, target = domains(config, "train")
  half, odd = divmod(config.training.batch_size, 2)
  if odd:
    raise ValueError(
      f"training.batch_size = {config.training.batch_size}: wanted an even "
      "number, half of it for the source and half for the target."
    )
  training = paired_loader(sources, target, half, seed=config.seed)
  validation = paired_evaluation_loader(
    *domains(config, "validation"), config.evaluation.batch_size
  )
  return training, validation, _facts(sources, target)


def domains(config: ConfigDict, split: str) -> tuple[list[Dataset], Dataset]:
  """The parts that `config.data` names `split`, images in one shape.

  `data.sources` holds a section for each source, by the name of its data set,
  and `data.target` is a section with `name`. Its labels may be unknown in the
  part to train on.

  Raises:
    ValueError: the data are none of domains, a section does not name the part,
      or the domains do not fit together, see `data.match_shapes`.
  """
  data = config.data
  if data.kind != "domains":
    raise ValueError(
      f"config.data.kind = '{data.kind}': wanted 'domains', which have sources "
      "and a target."
    )
  sources = [
    _load(data, name, section, split) for name, section in data.sources.items()
  ]
  target = _load(
    data, data.target.name, data.target, split, unknown_labels=split == "train"
  )
  return match_shapes(sources, target, data.get("image_shape"))


def _target(config, split):
  return domains(config, split)[1]


def _describe_pair(config):
  sources, target = domains(config, "test")
  domain = {"domain": jax.ShapeDtypeStruct((2,), np.int32)}
  labelled, unlabelled = spec_of_batch(sources[0]), spec_of_batch(target)
  del unlabelled["y"]
  batch = {"source": labelled | domain, "target": unlabelled | domain}
  return batch, _facts(sources, target)


def _facts(sources, target) -> Facts:
  return {**target.info, "num_domains": len(sources) + 1}


def _stored(config, split):
  data = config.data
  return _load(data, data.name, data, split)


def _synthetic(config, split):
  options = config.data.to_dict()
  make = lookup.find("data.synthetic", options.pop("name"))
  parts = {k: v for k, v in options.items() if isinstance(v, dict)}
  shared = {k: v for k, v in options.items() if k not in ("kind", *parts)}
  return call(make, **shared, **_part_of(parts, config.data.name, split))


class _Kind(NamedTuple):
  """What `config.data.kind` names: functions of the config."""

  loaders: Callable[[ConfigDict], tuple[Loader, Loader, Facts]]
  dataset: Callable[[ConfigDict, str], Dataset]
  describe: Callable[[ConfigDict], tuple[Batch, Facts]]


def _of_one(dataset: Callable[[ConfigDict, str], Dataset]) -> _Kind:
  """Data that are one dataset, in parts."""

  def loaders(config):
    train, validation = (dataset(config, s) for s in ("train", "validation"))
    return (
      training_loader(train, config.training.batch_size, seed=config.seed),
      evaluation_loader(validation, config.evaluation.batch_size),
      train.info,
    )

  def describe(config):
    test = dataset(config, "test")
    return spec_of_batch(test), test.info

  return _Kind(loaders, dataset, describe)


_KINDS = {
  "dataset": _of_one(_stored),
  "domains": _Kind(_paired_loaders, _target, _describe_pair),
  "synthetic": _of_one(_synthetic),
}


def _kind(config) -> _Kind:
  kind = config.data.get("kind")
  if kind not in _KINDS:
    raise ValueError(
      f"config.data.kind = '{kind}': wanted one of {', '.join(_KINDS)}."
    )
  return _KINDS[kind]


def _load(data, name, section, split, **options):
  part = _part_of(section, name, split)
  return load(name, part, data.get("data_dir"), **options)


def _part_of(section, name, split):
  if split not in section:
    raise ValueError(
      f"the config names no part '{split}' of the data set '{name}': wanted "
      f"one such as '{split}: train[:10%]' beside its other parts."
    )
  return section[split]


def model(config: ConfigDict, num_classes: int) -> nn.Module:
  """The model of a config, with as many answers as the data has classes.

  Raises:
    ValueError: there is no such model, it has no such option, or the section
      tells the number of classes, which the data does.
  """
  options = dict(config.model)
  if "num_classes" in options:
    raise ValueError(
      f"model.num_classes = {options['num_classes']}: wanted none, the data "
      f"has {num_classes} classes. Leave it out, or choose other data."
    )
  make = lookup.find("models", options.pop("name"))
  return call(make, num_classes=num_classes, **options)


def task(
  config: ConfigDict,
  model: nn.Module,
  num_steps: int,
  warm_start: Callable[[PyTree], PyTree] | None = None,
) -> Task:
  """The task of a config, with those of the config's parts that it takes."""
  options = dict(config.task)
  make = lookup.find("tasks", options.pop("name"))
  parts = {
    "optimizer": lambda: optimiser(config.optimizer, num_steps),
    "optimizers": lambda: {
      player: optimiser(section, num_steps)
      for player, section in config.optimizers.items()
    },
    "attack": lambda: attack(config.attack),
    "probes": lambda: {
      name: attack(section) for name, section in config.probes.items()
    },
    "alignment": lambda: alignment(config),
    "num_steps": lambda: num_steps,
    "warm_start": lambda: warm_start,
    "augment": lambda: augmentation(config.augment),
    "mix": lambda: mixing(config.mix),
    "consistency": lambda: augmentation(config.consistency),
  }
  taken = inspect.signature(make).parameters
  for name in _OPTIONAL:
    if name in config and name not in taken:
      raise ValueError(
        f"task '{config.task.name}' has no use for the section `{name}` of "
        "the config: leave it out, or choose a task that takes it."
      )
  for name in taken:
    if name in parts and not (name in _OPTIONAL and name not in config):
      options[name] = _part(config, name, parts[name])
  return call(make, model, **options)


def _part(config, name, make):
  if name != "num_steps" and name not in config:
    raise ValueError(
      f"task '{config.task.name}' needs a section `{name}` in the config, as "
      "other configs of its family have: see experiments/configs."
    )
  return make()


def alignment(config: ConfigDict) -> Alignment:
  """What the section `alignment` describes, for this many domains."""
  options = dict(config.alignment)
  make = lookup.find("adaptation", options.pop("name"))
  if "num_domains" in inspect.signature(make).parameters:
    options["num_domains"] = len(config.data.sources) + 1
  return call(make, **options)


def attack(section: Mapping[str, Any], **override: Any) -> Attack:
  """The attack that a config section describes.

  `name` is a factory of `robust_jax.attacks`, which gets the other entries, and
  the set that the entry `set` describes as `pset`; or it is
  `"package.module:function"`, an attack itself, which gets them as keywords.

  Args:
    section: the config section.
    **override: options of the perturbation set that replace the section's.
  """
  options = {k: v for k, v in section.items() if k != "name"}
  name = section["name"]
  if name == "compose":
    return compose(options, override)
  if ":" in name:
    make = lookup.find("attacks", name)
    check_options(make, options, _CALLED_WITH)
    return standalone(functools.partial(make, **options))
  if "set" in options:
    options["pset"] = perturbation_set(options.pop("set"), override)
    override = {}
  return call(lookup.find("attacks", name), **options | override)


def compose(options: Mapping[str, Any], override: Mapping[str, Any]) -> Attack:
  """`attacks.compose` of what the sections search, set and objective name.

  A section `expectation`, a perturbation set and `num_samples`, has the search
  maximise the mean over that many random transformations from the set.
  """
  _check_sections(options)
  search = dict(options["search"])
  find_search = lookup.find("search", search.pop("name"))
  check_options(find_search, search, _CALLED_WITH)
  if "expectation" in options:
    section = dict(options["expectation"])
    num_samples = section.pop("num_samples")
    find_search = expectation_over_transformation(
      find_search, perturb(perturbation_set(section, {})), num_samples
    )
  return lookup.find("attacks", "compose")(
    find_search,
    perturbation_set(options["set"], override),
    lookup.find("losses", options["objective"]),
    **search,
  )


def _check_sections(options: Mapping[str, Any]) -> None:
  wanted = {"search", "set", "objective"}
  if set(options) - {"expectation"} != wanted:
    raise ValueError(
      f"an attack named 'compose' has the sections {sorted(options)}: wanted "
      f"{sorted(wanted)}, and at will 'expectation'."
    )
  if "num_samples" not in options.get("expectation", {"num_samples": 1}):
    raise ValueError(
      "the section 'expectation' has no num_samples: wanted how many "
      "transformations are drawn at each point."
    )
