"""The models named on a command line."""

import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from experiments.cli.run_flags import named_sources
from experiments.compare.per_model import per_model
from experiments.compare.runs import compared_run
from robust_jax import lookup
from robust_jax.comparison.code_hash import code_hash
from robust_jax.comparison.data_kinds.base import DataKind
from robust_jax.comparison.data_kinds.images import IMAGES
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.predictors.detector_predictor import (
  detector_predictor,
)
from robust_jax.comparison.predictors.http_detector import http_detector
from robust_jax.comparison.predictors.http_predictor import (
  http_predictor,
  images_as_json,
  texts_as_json,
)
from robust_jax.comparison.predictors.read_outputs import MEANING, Kind
from robust_jax.comparison.predictors.stored_detections import (
  StoredDetections,
)
from robust_jax.comparison.predictors.stored_outputs import StoredOutputs
from robust_jax.data.readers.reader import Reader

_STORED = {
  False: "an .npz of stored outputs",
  True: "a json, or a folder with clean.json, of stored detections",
}
_JSON = {"images": images_as_json, "texts": texts_as_json}


class RequestOptions(NamedTuple):
  """Options for calling functions and services.

  Attributes:
    batch_size: largest number of examples per call of a function and per
      request to a service; None for 32 per request.
    concurrency: number of simultaneous requests to a service.
    timeout: timeout of a request in seconds.
    retries: number of repetitions of a failed request or call; see `retry`.
    key_variables: environment variables with the keys of services; see
      `per_model`.
  """

  batch_size: int | None = None
  concurrency: int = 4
  timeout: float = 60.0
  retries: int = 4
  key_variables: Sequence[str] = ()


def parse_models(
  texts: Sequence[str],
  allow_imports: Iterable[str] = (),
  options: RequestOptions | None = None,
  kind: DataKind = IMAGES,
  data: Reader | None = None,
) -> dict[str, ComparedModel]:
  """Parses models by name.

  Args:
    texts: see `named_sources`. A source is the work directory of a run,
      "package.module:function" (a `Predict`), the address of an
      `http_predictor` or an `.npz` of `StoredOutputs`. Detectors are functions
      for `detector_predictor`, addresses of an `http_detector`, and files or
      folders of `StoredDetections`.
    allow_imports: see `load_run`.
    options: options for functions and services.
    kind: the kind of data.
    data: the data, whose classes detectors that are not runs have to know.

  Raises:
    ValueError: there is no model, a name is repeated, or a source is invalid or
      of another kind of data.
  """
  sources = named_sources(texts)
  options = options or RequestOptions()
  variables = per_model("api_key_variable", options.key_variables, sources)
  return {
    name: _model(
      name, source, allow_imports, options, variables.get(name), kind, data
    )
    for name, source in sources.items()
  }


def with_output_kinds(
  found: Mapping[str, ComparedModel], texts: Sequence[str]
) -> dict[str, ComparedModel]:
  """Sets the kinds of outputs declared by the user.

  Args:
    found: models from `parse_models`.
    texts: kinds of outputs, for all models or for one; see `per_model`.

  Raises:
    ValueError: a kind or a model is unknown.
  """
  kinds = per_model("output_kind", texts, found)
  for kind in kinds.values():
    if kind not in MEANING:
      raise ValueError(
        f"--output_kind {kind}: expected one of {', '.join(MEANING)}."
      )
  return {
    name: dataclasses.replace(
      one, output_kind=cast(Kind | None, kinds.get(name, one.output_kind))
    )
    for name, one in found.items()
  }


def with_trained_families(
  found: Mapping[str, ComparedModel], texts: Sequence[str]
) -> dict[str, ComparedModel]:
  """Sets the families of changes that models were trained with.

  Args:
    found: models from `parse_models`.
    texts: families joined by "+", for all models or for one; see `per_model`.

  Raises:
    ValueError: a model is unknown.
  """
  families = per_model("trained_families", texts, found)
  return {
    name: dataclasses.replace(
      one,
      trained_families=tuple(filter(None, families.get(name, "").split("+"))),
    )
    for name, one in found.items()
  }


def _model(name, source, allow_imports, options, variable, kind, data):
  path = pathlib.Path(source).expanduser()
  if source.startswith(("http://", "https://")):
    return _service(name, source, options, variable, kind, data)
  if kind.annotated and (
    path.suffix == ".json" or (path / "clean.json").is_file()
  ):
    return _stored_detections(name, source, path, data)
  if path.is_dir():
    return compared_run(name, source, path, allow_imports, kind)
  if path.suffix == ".npz" and not kind.annotated:
    return _stored(name, source, path)
  if re.fullmatch(r"[\w.]+:\w+", source):
    return _function(name, source, options, kind, data)
  raise ValueError(
    f"model '{name}': there is no directory '{source}': expected the "
    f"work directory of a run, {_STORED[kind.annotated]}, "
    "package.module:function or http://HOST/PATH."
  )


def _service(name, source, options, variable, kind, data):
  key = None if variable is None else os.environ.get(variable)
  if variable is not None and not key:
    raise ValueError(
      f"model '{name}': the environment variable {variable} is not set, which "
      "--api_key_variable names."
    )
  requests = {
    "api_key": key,
    "batch_size": options.batch_size or 32,
    "concurrency": options.concurrency,
    "timeout": options.timeout,
    "retries": options.retries,
  }
  if kind.annotated:
    predict = http_detector(source, data.class_names, **requests)
  else:
    predict = http_predictor(source, as_json=_JSON[kind.name], **requests)
  return ComparedModel(
    name,
    source,
    "service",
    hashlib.sha256(source.encode()).hexdigest(),
    lambda case, ids, examples: predict(examples),
  )


def _function(name, source, options, kind, data):
  predict = lookup.import_function(source)
  if kind.annotated:
    predict = detector_predictor(predict, data.class_names)
  code = code_hash(source.partition(":")[0])
  return ComparedModel(
    name,
    source,
    "function",
    hashlib.sha256(f"{source} {code}".encode()).hexdigest(),
    lambda case, ids, examples: predict(examples),
    batch_size=options.batch_size,
    retries=options.retries,
  )


def _stored_detections(name, source, path, data):
  stored = StoredDetections(path, data)
  return ComparedModel(
    name,
    source,
    "stored outputs",
    stored.digest,
    stored.get,
    warn=stored.warn,
  )


def _stored(name, source, path):
  stored = StoredOutputs(path)
  return ComparedModel(
    name,
    source,
    "stored outputs",
    hashlib.sha256(path.read_bytes()).hexdigest(),
    lambda case, ids, examples: stored.get(case, ids),
  )
