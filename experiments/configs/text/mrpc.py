"""Paraphrases of news sentences (MRPC), by methods on embeddings.

The argument after the colon selects the method, as in sst2_embeddings.py.

Files: `mrpc/train.tsv` and `mrpc/dev.tsv` of GLUE. The first 400 pairs of the
training file are held out to select the checkpoint, and the development set is
the test set here.

Command:
  ./launch.sh train --config=experiments/configs/text/mrpc.py:freelb
"""

from experiments.configs.embedding_training import Sizes, fine_tuning

_DATA = {
  "name": "mrpc",
  "train": "mrpc/train.tsv[400:]",
  "validation": "mrpc/train.tsv[:400]",
  "test": "mrpc/dev.tsv",
  "columns": {"text": "#1 String", "pair": "#2 String", "label": "Quality"},
  "labels": ("0", "1"),
  "class_names": ("different", "same"),
  "length": 96,
}


def get_config(arg=""):
  # Sizes of the authors' recipe for RoBERTa.
  sizes = Sizes(step_size=0.04, init_magnitude=0.64, radius=0.4)
  return fine_tuning(_DATA, sizes, num_epochs=10.0, arg=arg)
