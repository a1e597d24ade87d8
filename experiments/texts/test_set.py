"""The texts of a run's test set, and its model as a function of strings."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from experiments.build.text_data import encoding_of, texts_of, tokenizer_of
from experiments.load_run import Run
from experiments.texts.defended import defended_texts
from robust_jax.models.text.embeddings import embeddings_of
from robust_jax.text.attack_texts import TextPredict
from robust_jax.text.predict_texts import predict_texts
from robust_jax.text.word_recognition import behind
from robust_jax.types import Array

NO_DEFENSE: Mapping[str, Any] = MappingProxyType({})


class TextTestSet(NamedTuple):
  """Texts of a test set, and a model of strings.

  Attributes:
    texts: N texts.
    labels: their classes `[N]`.
    class_names: names of the classes.
    predict: the model, behind its defense if it has one.
    defense: the section of the defense, empty for none.
  """

  texts: list[str]
  labels: Sequence[int]
  class_names: Sequence[str]
  predict: TextPredict
  defense: Mapping[str, Any]


def open_test_set(
  run: Run,
  num_examples: int | None = None,
  defense: Mapping[str, Any] = NO_DEFENSE,
) -> TextTestSet:
  """Reads the test texts of a run, and their classes.

  Args:
    run: a run of a classifier of texts.
    num_examples: number of test texts, from the first on; None for all.
    defense: the front that the model is behind, see `defended_texts`; empty for
      none.

  Raises:
    ValueError: the run is one of pairs of texts.
  """
  table = texts_of(run.config, "test")
  if table.pairs is not None:
    raise ValueError(
      f"{run.path} is a run of pairs of texts: expected single texts to attack."
    )
  texts, dataset = table.texts[:num_examples], run.dataset("test")
  predict = text_predictor(run, embeddings_of(run.variables))
  return TextTestSet(
    texts,
    dataset.read(np.arange(len(texts)))["y"].tolist(),
    dataset.fact("class_names"),
    defended_texts(predict, defense) if defense else predict,
    defense,
  )


def text_predictor(run: Run, embeddings: Array | None = None) -> TextPredict:
  """Returns the model of a run, behind its robust encoding if it has one.

  Args:
    run: a run of a classifier of texts.
    embeddings: as for `predict_texts`. Behind an encoding there is no search by
      gradients.
  """
  predict: TextPredict = predict_texts(
    run.classifier(),
    tokenizer_of(run.config),
    run.config.data.length,
    embeddings=embeddings,
  )
  encode = encoding_of(run.config)
  return predict if encode is None else behind(encode, predict)
