"""From the plain values of a config to the objects they describe.

`sections.build` resolves one section. This module assembles a whole run. A task
is given what its signature asks for: each argument is described by the section
of its name, or is a fact of that name, which are facts of the data and, as
`dtype`, the precision of the config.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments.build import sections
from experiments.build.check_config import check_config
from experiments.build.data import (
  Facts,
  dataset,
  describe,
  domains,
  loaders,
)
from experiments.build.loop_config import loop_config
from experiments.build.options import call
from robust_jax import lookup, precision
from robust_jax.data.loader import Loader
from robust_jax.training.loop import LoopConfig
from robust_jax.types import PyTree, Task

__all__ = [
  "Experiment",
  "Facts",
  "dataset",
  "describe",
  "domains",
  "experiment",
  "loaders",
  "model",
  "task",
]

WarmStart = Callable[[PyTree], PyTree]
"""A model's initial variables -> the variables that training starts from."""

# Sections of models of other runs -> a loss that takes them.
_TRAINED_MODELS = {"teacher": "distillation", "surrogates": "ensemble_at"}
# Sections of a config that are not arguments of its task, but wrap it.
_AROUND_THE_TASK = ("task", "average")


class Experiment(NamedTuple):
  """The arguments of `training.loop.train` that a config describes."""

  task: Task
  training: Loader
  validation: Loader
  loop_config: LoopConfig


def experiment(
  config: ConfigDict,
  warm_start: WarmStart | None = None,
  trained: Mapping[str, Any] | None = None,
) -> Experiment:
  """Builds everything that training needs, and refuses errors before it starts.

  Args:
    config: config of the run.
    warm_start: see `warm_start.warm_start_of`.
    trained: models of other runs that the loss takes, by the name of its
      argument; see `trained_models.trained_models`.

  Raises:
    ValueError: a name or an option is unknown, or does not fit the others.
  """
  check_config(config)
  for section in config.evaluation.get("attacks", {}).values():
    sections.attack(section)  # to refuse errors now, not after the training
  if "defense" in config.evaluation:
    sections.defense(config.evaluation.defense)
  training, validation, facts = loaders(config)
  facts = {**facts, **(trained or {})}
  loop = loop_config(config.training, training.num_steps)
  return Experiment(
    task=task(config, facts, loop.num_steps, warm_start),
    training=training,
    validation=validation,
    loop_config=loop,
  )


def model(config: ConfigDict, facts: Facts) -> Any:
  """Builds the model of the section `model`.

  Raises:
    ValueError: there is no such model, it has no such option or does not take
      the config's precision, or the section has a fact of the data, such as the
      number of classes.
  """
  return sections.build("model", config.model, _with_dtype(config, facts))


def task(
  config: ConfigDict,
  facts: Facts,
  num_steps: int,
  warm_start: WarmStart | None = None,
) -> Task:
  """Builds the task of a config.

  The task's factory is called with the options of the section `task`, with the
  objects of the sections that are named like its arguments (`model` or
  `models`, `optimizer` or `optimizers`, `loss`, ...), and with those facts of
  the data, `num_steps` and `warm_start` that it has arguments for. A section
  `average` wraps the task in an average of its weights.

  Args:
    config: config of the run.
    facts: facts of the data.
    num_steps: length of the run.
    warm_start: see `experiment`.

  Raises:
    ValueError: a section is missing, the task does not use one, or a model does
      not take the config's precision.
  """
  facts = _with_dtype(config, facts)
  make = lookup.find("tasks", config.task.name)
  # Other names than those of sections are the task's own words.
  nested = {k: v for k, v in config.task.items() if isinstance(v, ConfigDict)}
  plain = {k: v for k, v in config.task.items() if k not in {"name", *nested}}
  options = plain | sections.built_options(nested)
  arguments = inspect.signature(make).parameters
  _refuse_unused(config, arguments)
  given = {**facts, "num_steps": num_steps, "warm_start": warm_start}
  for name, parameter in arguments.items():
    if name in options:
      continue
    if sections.is_known(name) and name in config:
      options[name] = sections.build(name, config[name], facts, num_steps)
    elif name in given:
      options[name] = given[name]
    elif sections.is_known(name) and parameter.default is parameter.empty:
      raise ValueError(
        f"task '{config.task.name}' needs a section `{name}` in the config, as "
        "other configs of its family have: see experiments/configs."
      )
  made = call(make, **options)
  if "average" in config:
    return sections.build("average", config.average)(made)
  return made


def _with_dtype(config: ConfigDict, facts: Facts) -> Facts:
  """Adds the dtype that all models compute in to the facts."""
  name = config.get("precision", "float32")
  dtype = precision.compute_dtype(name)
  models = [*config.get("models", {}).values()]
  models += [config.model] if "model" in config else []
  for section in models:
    takes_dtype = "dtype" in sections.options_of("model", section)
    if dtype != jnp.float32 and not takes_dtype:
      raise ValueError(
        f"model '{section.name}' has no option dtype, so it cannot compute in "
        f"config.precision = '{name}': give it one, or choose float32."
      )
  return {**facts, "dtype": dtype}


def _refuse_unused(config, arguments):
  for name in config:
    is_part = sections.is_known(name) or name == "warm_start"
    if is_part and name not in arguments and name not in _AROUND_THE_TASK:
      raise ValueError(
        f"task '{config.task.name}' has no use for the section `{name}` of "
        "the config: leave it out, or choose a task that takes it."
      )
  loss = config.get("loss", {})
  for name, suitable in _TRAINED_MODELS.items():
    if name in config and name not in sections.options_of("loss", loss):
      raise ValueError(
        f"loss '{loss.get('name')}' has no use for the section `{name}` of the "
        f"config: leave it out, or choose a loss that takes it, as {suitable}."
      )
