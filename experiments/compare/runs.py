"""Runs of this project as models of a comparison, by kind of data."""

import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import tokenizers

from experiments.build.text_data import clusters_of, encoding_of, tokenizer_of
from experiments.load_run import Run, load_run
from experiments.texts.test_set import text_predictor
from robust_jax import fingerprint, precision
from robust_jax.comparison.data_kinds.base import DataKind
from robust_jax.comparison.model import ComparedModel
from robust_jax.comparison.predictors.detector_predictor import (
  detector_predictor,
)
from robust_jax.comparison.predictors.jax_predictor import (
  jax_detector,
  jax_predictor,
)
from robust_jax.comparison.predictors.read_outputs import Kind
from robust_jax.data.dataset import spec_of_batch
from robust_jax.data.images import image_shape
from robust_jax.types import Model, PyTree


def compared_run(
  name: str,
  source: str,
  path: pathlib.Path,
  allow_imports: Iterable[str],
  kind: DataKind,
) -> ComparedModel:
  """Opens a run at its best checkpoint, as a model of a comparison.

  Args:
    name: name of the model.
    source: where it comes from, as given by the user.
    path: work directory of the run.
    allow_imports: see `load_run`.
    kind: the kind of data.

  Raises:
    ValueError: there is no run, or it is one of another kind of data.
  """
  run = load_run(path, "best", allow_imports)
  own = _kind(run)
  if own != kind.name:
    own, data = own.replace("_", " "), kind.name.replace("_", " ")
    raise ValueError(
      f"model '{name}' is a run of {own}, and the data are {data}: expected "
      "data of the same kind (texts are files named .csv, .tsv or .jsonl; "
      "annotated images are files of boxes, such as COCO's)."
    )
  opened = _OPEN[own](run)
  return ComparedModel(
    name,
    source,
    "run",
    fingerprint.of_function(opened.model, opened.x) + opened.reads,
    lambda case, ids, examples: opened.predict(examples),
    opened.logits_fn,
    parameters=_num_parameters(run.variables),
    computed_in=precision.computed_in(opened.model, opened.x),
    output_kind=opened.output_kind,
    class_names=opened.class_names,
    warn=opened.warn,
  )


class _Opened(NamedTuple):
  """The model of a run.

  Attributes:
    model: the model.
    x: shapes and dtypes of a batch.
    predict: the model as a function of examples.
    logits_fn: a classifier of arrays, if examples are arrays.
    output_kind: kind of its outputs; None for that of detectors.
    reads: hash of what makes arrays of examples; "" for arrays.
    class_names: names of its classes, if they are known.
    warn: see `ComparedModel`.
  """

  model: Model
  x: PyTree
  predict: Callable[[Sequence[Any]], np.ndarray]
  logits_fn: Model | None
  output_kind: Kind | None = "logits"
  reads: str = ""
  class_names: tuple[str, ...] = ()
  warn: Callable[[Sequence[Any]], list[str]] = lambda examples: []


def _kind(run: Run) -> str:
  """Returns the name of the kind of data that a run is of."""
  if run.config.data.kind == "text":
    return "texts"
  y = spec_of_batch(run.dataset("test")).get("y")
  has_boxes = isinstance(y, Mapping) and "boxes" in y
  return "annotated_images" if has_boxes else "images"


def _of_annotated_images(run: Run) -> _Opened:
  model, dataset = run.detector(), run.dataset("test")
  names = tuple(dataset.fact("class_names"))
  x = jax.ShapeDtypeStruct((1, *image_shape(dataset)), np.float32)
  detect_fn = jax_detector(model)
  return _Opened(
    model,
    x,
    detector_predictor(detect_fn, names),
    None,
    output_kind=None,
    class_names=names,
  )


def _of_images(run: Run) -> _Opened:
  model = run.classifier()
  shape = image_shape(run.dataset("test"))
  x = jax.ShapeDtypeStruct((1, *shape), np.float32)
  return _Opened(model, x, jax_predictor(model), model)


def _of_texts(run: Run) -> _Opened:
  data = run.config.data
  if "pair" in data.get("columns", {}):
    raise ValueError(
      f"{run.path} is a run of pairs of texts: expected one of single texts."
    )
  tokenizer, dataset = tokenizer_of(run.config), run.dataset("test")
  predict, encode = text_predictor(run), encoding_of(run.config) or list
  reads = [tokenizer.to_str(), np.array(data.length)]
  if "robust_encoding" in data:
    reads += [str(clusters_of(run.config))]
  return _Opened(
    run.classifier(),
    spec_of_batch(dataset)["x"],
    lambda texts: predict(list(texts)),
    None,
    reads=fingerprint.of_arrays(reads),
    class_names=tuple(dataset.fact("class_names")),
    warn=lambda texts: _too_long(tokenizer, encode(texts), data.length),
  )


_OPEN = {
  "annotated_images": _of_annotated_images,
  "images": _of_images,
  "texts": _of_texts,
}


def _too_long(
  tokenizer: tokenizers.Tokenizer, texts: Sequence[str], length: int
) -> list[str]:
  """Returns a warning on texts that are cut at the end, if there are any."""
  encoded = tokenizer.encode_batch_fast(list(texts))
  cut = sum(len(one.ids) > length for one in encoded)
  if not cut:
    return []
  return [
    f"It reads {length} tokens, and {cut:,} of {len(texts):,} texts have more: "
    "it does not see their ends."
  ]


def _num_parameters(variables) -> int:
  """Counts trained parameters, without running statistics."""
  return sum(np.size(leaf) for leaf in jax.tree.leaves(variables["params"]))
