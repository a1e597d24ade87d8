"""Recognition of misspelled words, as a front of classifiers of texts.

A semi-character recurrent network learns from the clean texts of a task, with
random typos, which word each word was (Pruthi, Dhingra and Lipton 2019, who
report a word error rate of 6.9 % on typos of SST-2).

The argument after the colon selects the texts: sst2 (default) or ag_news.

Command:
  ./launch.sh train --config=experiments/configs/text/word_recognition.py
  ./launch.sh evaluate --workdir=runs/sst2 --attack=pruthi,deep_word_bug \\
      --defense=word_recognition,run=runs/word_recognition
"""

from experiments.configs import common
from experiments.configs.text import ag_news, sst2


def get_config(arg=""):
  smoke = arg == "smoke"
  config = (ag_news if arg == "ag_news" else sst2).get_config(
    "smoke" if smoke else ""
  )
  common.check_argument(arg, ("sst2", "ag_news"))
  config.data.kind = "words"
  with config.unlocked():
    for option in ("length", "labels", "class_names"):
      del config.data[option]
    if "labels" in config.data.get("test", {}):
      del config.data.test["labels"]
    del config.evaluation["text_attacks"]
  config.data.update(
    num_words=8 if smoke else 16,
    word_length=16,
    tokenizer={"kind": "split_word", "vocabulary_size": 10_000},
    variants={"number": 4, "fraction": 0.5},
  )
  config.model = {
    "name": "semi_character_rnn",
    "hidden_size": 4 if smoke else 50,
  }
  config.loss = {"name": "segmentation"}
  config.augment = {"name": "perturb", "set": {"name": "variants"}}
  config.score = "pixel_accuracy"
  config.evaluator = {
    "name": "robustness",
    "score": "pixel_accuracy",
    "objective": None,
    "validation_attacks": {},
  }
  config.optimizer.learning_rate = 5e-3
  config.training.update(monitor="pixel_accuracy")
  if not smoke:
    config.training.update(num_epochs=1.0)
  return config
