"""A model of texts behind the front that a flag names."""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from experiments import workdir
from experiments.build.options import call
from experiments.build.text_data import (
  encoding_of,
  tokenizer_of,
  with_tokenizer,
)
from experiments.load_run import load_run
from robust_jax.text.attack_texts import TextPredict
from robust_jax.text.word_recognition import (
  Recognizer,
  behind,
  word_recognizer,
)

_RECOGNITION, _ENCODING = "word_recognition", "robust_encoding"


def defended_texts(
  predict: TextPredict,
  section: Mapping[str, Any],
  allow_imports: Iterable[str] = (),
) -> TextPredict:
  """The model behind a front of words, to be attacked as one model.

  Args:
    predict: a model of strings.
    section: `name` is "word_recognition", and `run` the work directory of a
      trained recognizer, `background` that of one of more words, which is asked
      for unknown ones, and `unknown` an option of `text.word_recognition`. Or
      `name` is "robust_encoding", and `run` the work directory of a classifier
      that was trained on one.
    allow_imports: as `load_run` takes it.

  Raises:
    ValueError: another name or option, or there is no such run.
  """
  return behind(_front(section, allow_imports), predict)


def front_encoding(section: Mapping[str, Any]) -> Recognizer | None:
  """Returns the robust encoding of a section; None for another defense."""
  return _front(section) if section["name"] == _ENCODING else None


def _front(
  section: Mapping[str, Any], allow_imports: Iterable[str] = ()
) -> Recognizer:
  options = dict(section)
  name = options.pop("name")
  if name not in (_RECOGNITION, _ENCODING):
    raise ValueError(
      f"--defense={name}: the run is one of texts, expected {_RECOGNITION} or "
      f"{_ENCODING}, as in --defense={_RECOGNITION},run=runs/{_RECOGNITION}."
    )
  if "run" not in options:
    raise ValueError(
      f"--defense={name} without a run: expected that of its words, as in "
      f"--defense={name},run=runs/{name}."
    )
  path = options.pop("run")
  if name == _ENCODING:
    if options:
      raise ValueError(
        f"--defense={name} has no option '{next(iter(options))}': it takes run."
      )
    return _encoding(pathlib.Path(path), allow_imports)
  if "background" in options:
    options["background"] = _recognizer(options["background"], allow_imports)
  return _recognizer(path, allow_imports, **options)


def _encoding(path: pathlib.Path, allow_imports: Iterable[str]) -> Recognizer:
  config = with_tokenizer(workdir.read_config(path, allow_imports), path)
  encode = encoding_of(config)
  if encode is None:
    raise ValueError(
      f"{path} is a run without a robust encoding: expected one such as that "
      "of experiments/configs/text/sst2.py:word_cnn+robust_encoding."
    )
  return encode


def _recognizer(
  path: str, allow_imports: Iterable[str], **options: Any
) -> Recognizer:
  run = load_run(pathlib.Path(path), "best", allow_imports)
  data = run.config.data
  if data.kind != "words":
    raise ValueError(
      f"{path} is a run of data of the kind '{data.kind}': expected one of "
      "'words', such as that of experiments/configs/text/word_recognition.py."
    )
  return call(
    word_recognizer,
    run.deployed,
    tokenizer_of(run.config).get_vocab(),
    word_length=data.word_length,
    **options,
  )
