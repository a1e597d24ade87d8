"""A model of texts behind the front that a flag names."""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from experiments.build.options import call
from experiments.build.text_data import tokenizer_of
from experiments.load_run import load_run
from robust_jax.text.attack_texts import TextPredict
from robust_jax.text.word_recognition import (
  Recognizer,
  behind,
  word_recognizer,
)

_NAME = "word_recognition"


def defended_texts(
  predict: TextPredict,
  section: Mapping[str, Any],
  allow_imports: Iterable[str] = (),
) -> TextPredict:
  """The model behind a recognizer of words, to be attacked as one model.

  Args:
    predict: a model of strings.
    section: `name` is "word_recognition", `run` the work directory of a trained
      recognizer, `background` that of one of more words, which is asked for
      unknown ones, and `unknown` an option of `text.word_recognition`.
    allow_imports: as `load_run` takes it.

  Raises:
    ValueError: another name or option, or there is no such run.
  """
  options = dict(section)
  name = options.pop("name")
  if name != _NAME:
    raise ValueError(
      f"--defense={name}: the run is one of texts, expected {_NAME}, as in "
      f"--defense={_NAME},run=runs/{_NAME}."
    )
  if "run" not in options:
    raise ValueError(
      f"--defense={name} without a run: expected that of a recognizer, as in "
      f"--defense={_NAME},run=runs/{_NAME}."
    )
  path = options.pop("run")
  if "background" in options:
    options["background"] = _recognizer(options["background"], allow_imports)
  return behind(_recognizer(path, allow_imports, **options), predict)


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
