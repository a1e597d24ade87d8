"""The models that a command line names."""

import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from experiments.cli.run_flags import named_sources
from experiments.compare.per_model import per_model
from experiments.load_run import load_run
from robust_jax import fingerprint, lookup, precision
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.predictors.http_predictor import http_predictor
from robust_jax.comparison.predictors.jax_predictor import jax_predictor
from robust_jax.comparison.predictors.read_outputs import MEANING
from robust_jax.comparison.predictors.stored_outputs import StoredOutputs
from robust_jax.data.images import image_shape


class RequestOptions(NamedTuple):
  """Options for asking functions and services, which are no runs of ours.

  Attributes:
    batch_size: most images in one call of a function; also in one request to a
      service, where None is 32.
    concurrency: requests to a service at the same time.
    timeout: seconds until a request has failed.
    retries: how often a request is made again, and a call of a function that
      fails as `adapters.retry` says.
    key_variables: the environment variables that hold the keys of services, as
      `per_model` takes them.
  """

  batch_size: int | None = None
  concurrency: int = 4
  timeout: float = 60.0
  retries: int = 4
  key_variables: Sequence[str] = ()


def parse_models(
  texts: Sequence[str],
  allow_imports: Iterable[str] = (),
  asking: RequestOptions | None = None,
) -> dict[str, ComparedModel]:
  """Models by name.

  Args:
    texts: as `named_sources` takes them. A source is a work directory of ours,
      "package.module:function" (an `adapters.ask.Predict`), the address of an
      `http_predictor` or an `.npz` of `StoredOutputs`.
    allow_imports: as `workdir.read_config` takes it.
    asking: how the others are asked.

  Raises:
    ValueError: none, a name twice, or a source that is none of these.
  """
  sources = named_sources(texts)
  asking = asking or RequestOptions()
  variables = per_model("api_key_variable", asking.key_variables, sources)
  return {
    name: _model(name, source, allow_imports, asking, variables.get(name))
    for name, source in sources.items()
  }


def declared(
  found: Mapping[str, ComparedModel], texts: Sequence[str]
) -> dict[str, ComparedModel]:
  """The models, with what the user says of their answers.

  Args:
    found: of `parse_models`.
    texts: as `per_model` takes them: a kind of `adapters.read_outputs`, for all
      models or, with its name before, for one.

  Raises:
    ValueError: another kind, or no such model.
  """
  kinds = per_model("answers", texts, found)
  for kind in kinds.values():
    if kind not in MEANING:
      raise ValueError(
        f"--answers {kind}: expected one of {', '.join(MEANING)}."
      )
  return {
    name: dataclasses.replace(one, declared=kinds.get(name, one.declared))
    for name, one in found.items()
  }


def _model(name, source, allow_imports, asking, variable):
  path = pathlib.Path(source).expanduser()
  if source.startswith(("http://", "https://")):
    return _service(name, source, asking, variable)
  if path.is_dir():
    return _run(name, source, path, allow_imports)
  if path.suffix == ".npz":
    return _stored(name, source, path)
  if re.fullmatch(r"[\w.]+:\w+", source):
    return _function(name, source, asking)
  raise ValueError(
    f"model '{name}': there is no directory '{source}'. Wanted the work "
    "directory of a run, an .npz of stored answers, package.module:function or "
    "http://HOST/PATH."
  )


def _run(name, source, path, allow_imports):
  run = load_run(path, "best", allow_imports)
  model = run.classifier()
  shape = image_shape(run.dataset("test"))
  images = jax.ShapeDtypeStruct((1, *shape), np.float32)
  predict = jax_predictor(model)
  return ComparedModel(
    name,
    source,
    "run",
    fingerprint.of_function(model, images),
    lambda case, ids, images: predict(images),
    model,
    parameters=_num_parameters(run.variables),
    computed_in=precision.computed_in(model, images),
    declared="logits",
  )


def _num_parameters(variables) -> int:
  """Running statistics are not learned."""
  return sum(np.size(leaf) for leaf in jax.tree.leaves(variables["params"]))


def _service(name, source, asking, variable):
  key = None if variable is None else os.environ.get(variable)
  if variable is not None and not key:
    raise ValueError(
      f"model '{name}': the environment variable {variable} is not set, which "
      "--api_key_variable names."
    )
  predict = http_predictor(
    source,
    api_key=key,
    batch_size=asking.batch_size or 32,
    concurrency=asking.concurrency,
    timeout=asking.timeout,
    retries=asking.retries,
  )
  return ComparedModel(
    name,
    source,
    "service",
    hashlib.sha256(source.encode()).hexdigest(),
    lambda case, ids, images: predict(images),
  )


def _function(name, source, asking):
  predict = lookup.import_function(source)
  code = code_hash(source.partition(":")[0])
  return ComparedModel(
    name,
    source,
    "function",
    hashlib.sha256(f"{source} {code}".encode()).hexdigest(),
    lambda case, ids, images: predict(images),
    batch_size=asking.batch_size,
    retries=asking.retries,
  )


def _stored(name, source, path):
  stored = StoredOutputs(path)
  return ComparedModel(
    name,
    source,
    "stored answers",
    hashlib.sha256(path.read_bytes()).hexdigest(),
    lambda case, ids, images: stored.get(case, ids),
  )
