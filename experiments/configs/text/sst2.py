"""Sentiment of film reviews (SST-2), by a model of words.

The argument after the colon selects the model:

  word_cnn      convolutions over words (Kim 2014, CNN-rand: 82.7 %); default.
  bag_of_words  the mean of the embeddings of words.
  transformer   a Transformer encoder of word pieces.
  character_cnn convolutions over characters.

Behind a "+", as in bag_of_words+typos, it may name a defense:

  typos         typos in the texts of training: each time an example is seen, it
                is itself or one of eight copies with typos in a third of the
                words (data augmentation).
  worst_typos   adversarial training: the one of these of the largest loss.
  robust_encoding
                words that a typo may confuse are one word to the model (RobEn),
                so that most typos change nothing.

Files: `sst2/train.tsv` and `sst2/dev.tsv` of GLUE, whose test set has no
labels, so that its development set is the test set here. The first 2,000
phrases of the training file are held out to select the checkpoint.

Command:
  ./launch.sh train --config=experiments/configs/text/sst2.py
  ./launch.sh evaluate --attack=deep_word_bug,pruthi --workdir=runs/sst2
  ./launch.sh attack --attack=pruthi --workdir=runs/sst2 --out=runs/sst2.jsonl
  ./launch.sh evaluate --certify --workdir=runs/sst2_word_cnn+robust_encoding
"""

import pathlib

from ml_collections import ConfigDict

_WORDS = {"kind": "word", "vocabulary_size": 10_000}
# Model, tokenizer, number of tokens, epochs and learning rate.
_VARIANTS = {
  "word_cnn": ({"name": "word_cnn"}, _WORDS, 64, 3.0, 1e-3),
  "bag_of_words": (
    {"name": "bag_of_words", "width": 64},
    _WORDS,
    64,
    5.0,
    1e-2,
  ),
  "transformer": (
    {"name": "text_transformer", "width": 128, "depth": 2, "max_length": 64},
    {"kind": "word_piece", "vocabulary_size": 8_000},
    64,
    3.0,
    5e-4,
  ),
  "character_cnn": (
    {"name": "character_cnn"},
    {"kind": "character", "vocabulary_size": 100},
    256,
    5.0,
    1e-3,
  ),
}
_COPIES = {"variants": {"number": 8, "fraction": 0.3}}
_DEFENSES = {
  "typos": {
    "data": _COPIES,
    "augment": {"name": "perturb", "set": {"name": "variants"}},
  },
  "worst_typos": {
    "data": _COPIES,
    "loss": {
      "name": "pgd_at",
      "attack": {
        "name": "compose",
        "search": {"name": "grid_search", "num_points": 8},
        "set": {"name": "variants"},
        "objective": "cross_entropy",
      },
    },
  },
  "robust_encoding": {"data": {"robust_encoding": {"vocabulary_size": 10_000}}},
}


def get_config(arg=""):
  name, _, defense = arg.partition("+")
  smoke = name == "smoke"
  name = "word_cnn" if name in ("", "smoke") else name
  if name not in _VARIANTS or defense not in ("", *_DEFENSES):
    raise ValueError(
      f"config argument '{arg}': expected none or 'smoke' or one of "
      f"{', '.join(_VARIANTS)}, perhaps with +{' or +'.join(_DEFENSES)}."
    )
  model, tokenizer, length, num_epochs, learning_rate = _VARIANTS[name]
  config = ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "data": {
        "kind": "text",
        "name": "sst2",
        "train": "sst2/train.tsv[2000:]",
        "validation": "sst2/train.tsv[:2000]",
        "test": "sst2/dev.tsv",
        "columns": {"text": "sentence", "label": "label"},
        "labels": ("0", "1"),
        "class_names": ("negative", "positive"),
        "length": length,
        "tokenizer": tokenizer,
      },
      "model": model,
      "task": {"name": "supervised"},
      "loss": {"name": "erm"},
      "evaluator": {"name": "robustness", "validation_attacks": {}},
      "optimizer": {
        "name": "adam",
        "learning_rate": learning_rate,
        "schedule": "triangle",
      },
      "training": {
        "num_epochs": num_epochs,
        "batch_size": 64,
        "log_every": 50,
        "evaluate_every_epochs": 0.5,
        "keep_last": 2,
        "monitor": "accuracy",
        "monitor_mode": "max",
        "max_drop": float("inf"),
      },
      "evaluation": {"batch_size": 256, "text_attacks": dict(ATTACKS)},
    }
  )
  if defense:
    config.update(_DEFENSES[defense])
  if smoke:
    smoke_data(config)
    config.model.update(width=4, filters=4)
  return config


ATTACKS = {
  "typo": {"name": "random_typos"},
  "worst_of_10": {"name": "random_typos", "num_samples": 10},
  "deep_word_bug": {"name": "deep_word_bug"},
  "pruthi": {"name": "pruthi", "num_words": 1},
  "pruthi_2": {"name": "pruthi", "num_words": 2},
  "text_bugger": {"name": "text_bugger"},
  "hot_flip": {"name": "hot_flip"},
  "input_reduction": {"name": "input_reduction"},
}
"""The attacks of an evaluation, by the names of `--attack`."""


def smoke_data(config: ConfigDict) -> None:
  """Changes a config to forty reviews and a few steps, in place."""
  path = str(pathlib.Path(__file__).with_name("reviews.csv"))
  parts = {"train": f"{path}[6:30]", "validation": f"{path}[:6]"}
  config.data.update(parts, test=f"{path}[30:]", name="reviews", length=12)
  config.data.labels = ("negative", "positive")
  config.data.columns.update(text="text", label="label")
  config.training.update(num_epochs=1.0, batch_size=12, log_every=1)
  config.training.evaluate_every_epochs = 0.5
  config.evaluation.batch_size = 8
