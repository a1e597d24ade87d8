"""Pre-training of a Transformer on running text, by ELECTRA or MLM.

The argument after the colon selects the task, or an ablation of ELECTRA:

  electra       a generator of a quarter of the width, whose embeddings the
                discriminator shares; default.
  mlm           a masked language model of the discriminator's size.
  share_none    two tables of embeddings.
  share_all     one encoder for both networks, of the discriminator's size.
  full_size     a generator of the discriminator's size.
  adversarial   the generator works against the discriminator (REINFORCE).
  masked_only   the discriminator's loss is that of masked tokens.
  two_stages    the generator, of the discriminator's size, learns alone in the
                first half; the discriminator starts as its copy in the second.

Corpus: 24,000 film reviews (IMDb, without labels) and 34 novels, of which a few
pages are held out. About 12 million word pieces, of a vocabulary of 8,000, in
sequences of 64. Ten thousand steps of 32 sequences are 1.7 passes.
The encoder has 1.63 million parameters, of which 1.03 million are embeddings;
the generator adds 0.05 million. A step is 11 GFLOP, and 10 GFLOP of MLM.

Files: `imdb/unsup_first25000.txt.xz` and
`novels/english_novels_one_per_author.txt.xz`.

Command:
  ./launch.sh train --config=experiments/configs/text/electra.py
"""

import pathlib

from ml_collections import ConfigDict

from experiments.build.with_overrides import with_overrides
from experiments.configs import common

_VARIANTS = {
  "electra": {},
  "mlm": {"task": {"name": "masked_language_model"}},
  "share_none": {"task": {"sharing": "none"}},
  "share_all": {"task": {"sharing": "all", "generator_size": 1.0}},
  "full_size": {"task": {"generator_size": 1.0}},
  "adversarial": {"task": {"objective": "adversarial"}},
  "masked_only": {"task": {"detected": "masked"}},
  "two_stages": {
    "task": {"sharing": "none", "generator_size": 1.0, "first_stage": 0.5},
    # Where the discriminator learns, the generator is the same.
    "training": {"monitor": "auc"},
  },
}
_REVIEWS = "imdb/unsup_first25000.txt.xz"
_NOVELS = "novels/english_novels_one_per_author.txt.xz"
ENCODER = {
  "name": "text_transformer",
  "width": 128,
  "depth": 3,
  "max_length": 64,
}
"""The encoder, which fine-tuning starts from."""


def get_config(arg=""):
  common.check_argument(arg, _VARIANTS)
  config = ConfigDict(
    {
      "seed": 0,
      "precision": "float32",
      "data": {
        "kind": "corpus",
        "name": "reviews and novels",
        "train": (f"{_REVIEWS}[1000:]", f"{_NOVELS}[4000:]"),
        "validation": (f"{_REVIEWS}[:500]", f"{_NOVELS}[:2000]"),
        "test": (f"{_REVIEWS}[500:1000]", f"{_NOVELS}[2000:4000]"),
        "columns": {"remove": ("<br />",)},
        "length": 64,
        "tokenizer": {"kind": "word_piece", "vocabulary_size": 8_000},
      },
      # Few passes over the corpus leave nothing to regularize.
      "model": {**ENCODER, "dropout": 0.0},
      "task": {"name": "electra"},
      "optimizer": {
        "name": "adamw",
        "learning_rate": 1e-3,
        "schedule": "linear",
        "eps": 1e-6,
        "weight_decay": 0.01,
        "clip_norm": 1.0,
      },
      "training": {
        "num_steps": 10_000,
        "batch_size": 32,
        "log_every": 100,
        "evaluate_every_steps": 1_000,
        "keep_last": 2,
        # Not the AUC: the worse the generator, the easier its replacements.
        "monitor": "masked_accuracy",
        "monitor_mode": "max",
        "max_drop": float("inf"),
      },
      "evaluation": {"batch_size": 128},
    }
  )
  config = with_overrides(config, _VARIANTS.get(arg, {}))
  if arg == "smoke":
    _smoke(config)
  return config


def _smoke(config: ConfigDict) -> None:
  """Changes a config to two steps on forty reviews, in place."""
  path = str(pathlib.Path(__file__).with_name("reviews.csv"))
  config.data.update(
    train=(f"{path}[10:]",),
    validation=(f"{path}[:5]",),
    test=(f"{path}[5:10]",),
    length=8,
  )
  config.model.update(width=8, depth=1, num_heads=2, max_length=8)
  config.training.update(num_steps=2, batch_size=8, log_every=1)
  config.training.evaluate_every_steps = 1
  config.evaluation.batch_size = 8
