"""Topics of news (AG News), by a model of words.

The argument after the colon selects the model and a defense, as in sst2.py.

Files: `ag_news/subset_train.csv`, of which rows from 1,000 on are trained on;
`ag_news/subset_dev.csv`, its first 1,000 rows, which select the checkpoint; and
the whole test set, `ag_news/test.csv`, whose labels begin at 1. A text is a
title and a description.

Command:
  ./launch.sh train --config=experiments/configs/text/ag_news.py
  ./launch.sh evaluate --attack=deep_word_bug,pruthi --workdir=runs/ag_news \\
      --num_examples=1000
"""

from experiments.configs.text import sst2


def get_config(arg=""):
  config = sst2.get_config(arg)
  if arg.startswith("smoke"):
    return config
  train = {"header": ("text", "label"), "text": "text"}
  variants = config.data.get("variants")
  config.data = {
    "kind": "text",
    "name": "ag_news",
    "train": {"file": "ag_news/subset_train.csv[1000:]", **train},
    "validation": {"file": "ag_news/subset_dev.csv", **train},
    "test": {
      "file": "ag_news/test.csv",
      "header": ("label", "title", "description"),
      "text": ("title", "description"),
      "labels": ("1", "2", "3", "4"),
    },
    "columns": {"label": "label"},
    "labels": ("0", "1", "2", "3"),
    "class_names": ("world", "sports", "business", "technology"),
    "length": 3 * config.data.length // 2,
    "tokenizer": config.data.tokenizer,
  }
  if variants:
    config.data.variants = variants
  if "max_length" in config.model:
    config.model.max_length = config.data.length
  config.training.update(num_epochs=15.0, evaluate_every_epochs=3.0)
  return config
