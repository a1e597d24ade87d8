"""The models that a command line names."""

import dataclasses
import hashlib
import importlib
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

import jax
import numpy as np

from experiments import runs, workdir
from experiments.per_model import per_model
from robust_jax import lookup
from robust_jax.adapters.jax_predictor import jax_predictor
from robust_jax.adapters.read_answers import MEANING
from robust_jax.adapters.stored_answers import StoredAnswers
from robust_jax.evaluation.entrant import Entrant

_EXAMPLE = "as in --models A=runs/a B=runs/b C=my.module:predict"


def entrants(
  texts: Sequence[str], allow_imports: Iterable[str] = ()
) -> dict[str, Entrant]:
  """Models by name.

  Args:
    texts: "NAME=SOURCE" each, or several in one text with commas between. A
      source is a work directory of ours, "package.module:function" (an
      `adapters.ask.Predict`) or an `.npz` of `StoredAnswers`.
    allow_imports: as `workdir.read_config` takes it.

  Raises:
    ValueError: none, a name twice, or a source that is none of these.
  """
  given = [part for text in texts for part in re.split(r",(?=[^,=]+=)", text)]
  if not given:
    raise ValueError(f"compare needs models, {_EXAMPLE}.")
  found: dict[str, Entrant] = {}
  for text in given:
    name, equals, source = (part.strip() for part in text.partition("="))
    if not (name and equals and source):
      raise ValueError(f"model '{text}': wanted NAME=SOURCE, {_EXAMPLE}.")
    if name in found:
      raise ValueError(
        f"two models are called '{name}': wanted a name of its own for each."
      )
    found[name] = _entrant(name, source, allow_imports)
  return found


def declared(
  found: Mapping[str, Entrant], texts: Sequence[str]
) -> dict[str, Entrant]:
  """The models, with what the user says of their answers.

  Args:
    found: of `entrants`.
    texts: as `per_model` takes them: a kind of `adapters.read_answers`, for all
      models or, with its name before, for one.

  Raises:
    ValueError: another kind, or no such model.
  """
  kinds = per_model("answers", texts, found)
  for kind in kinds.values():
    if kind not in MEANING:
      raise ValueError(f"--answers {kind}: wanted one of {', '.join(MEANING)}.")
  return {
    name: dataclasses.replace(one, declared=kinds.get(name, one.declared))
    for name, one in found.items()
  }


def _entrant(name, source, allow_imports):
  path = pathlib.Path(source).expanduser()
  if path.is_dir():
    return _run(name, source, path, allow_imports)
  if path.suffix == ".npz":
    return _stored(name, source, path)
  if re.fullmatch(r"[\w.]+:\w+", source):
    return _function(name, source)
  raise ValueError(
    f"model '{name}': there is no directory '{source}'. Wanted the work "
    "directory of a run, an .npz of stored answers, or package.module:function."
  )


def _run(name, source, path, allow_imports):
  if "name" not in workdir.read_config(path, allow_imports).data:
    raise ValueError(
      f"model '{name}': {path} is a run between domains. Wanted one on a data "
      "set, or a function of your own that asks the network."
    )
  config, contender = runs.from_run(path, allow_imports=allow_imports)
  digest = hashlib.sha256(config.model.to_json().encode())
  for leaf in jax.tree.leaves(contender.logits_fn):
    digest.update(np.ascontiguousarray(leaf).tobytes())
  predict = jax_predictor(contender.logits_fn)
  return Entrant(
    name,
    source,
    "run",
    digest.hexdigest(),
    lambda case, ids, images: predict(images),
    contender.logits_fn,
    parameters=_num_parameters(contender.logits_fn),
    declared="logits",
  )


def _num_parameters(logits_fn) -> int:
  """Of the collection "params": running statistics are not learned."""
  return sum(
    np.size(leaf)
    for path, leaf in jax.tree_util.tree_leaves_with_path(logits_fn)
    if any(getattr(key, "key", None) == "params" for key in path)
  )


def _function(name, source):
  predict = lookup.find("adapters", source)
  module = importlib.import_module(source.partition(":")[0])
  digest = hashlib.sha256(source.encode())
  if module.__file__:
    digest.update(pathlib.Path(module.__file__).read_bytes())
  return Entrant(
    name,
    source,
    "function",
    digest.hexdigest(),
    lambda case, ids, images: predict(images),
  )


def _stored(name, source, path):
  stored = StoredAnswers(path)
  return Entrant(
    name,
    source,
    "stored answers",
    hashlib.sha256(path.read_bytes()).hexdigest(),
    lambda case, ids, images: stored.get(case, ids),
  )
