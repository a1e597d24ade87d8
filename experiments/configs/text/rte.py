"""Entailment of one text by another (RTE), by methods on embeddings.

The argument after the colon selects the method, as in sst2_embeddings.py.

Files: `rte/train.tsv` and `rte/dev.tsv` of GLUE. The first 250 pairs of the
training file are held out to select the checkpoint, and the development set is
the test set here. Long premises are cut.

Command:
  ./launch.sh train --config=experiments/configs/text/rte.py:freelb
"""

from experiments.configs.embedding_training import Sizes, fine_tuning

_DATA = {
  "name": "rte",
  "train": "rte/train.tsv[250:]",
  "validation": "rte/train.tsv[:250]",
  "test": "rte/dev.tsv",
  "columns": {"text": "sentence1", "pair": "sentence2", "label": "label"},
  "labels": ("entailment", "not_entailment"),
  "length": 128,
}


def get_config(arg=""):
  # Sizes of the authors' recipe for RoBERTa, of which 0.06 to 0.09 were tried.
  sizes = Sizes(step_size=0.08, init_magnitude=0.16, radius=0.14)
  return fine_tuning(_DATA, sizes, num_epochs=10.0, arg=arg)
