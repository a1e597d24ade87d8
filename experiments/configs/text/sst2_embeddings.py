"""Sentiment of film reviews (SST-2), by methods on embeddings.

A Transformer encoder of word pieces. The argument after the colon selects the
method:

  standard      standard training.
  noise         random noise in the ball of FreeLB.
  pgd           adversarial training by PGD in that ball.
  free          free adversarial training, an update in each pass.
  freelb        FreeLB with three passes; default.
  freelb_fresh  FreeLB with a dropout mask for each pass.
  smart         the smoothness of SMART, with the radius of FreeLB.
  r3f           R3F.

Files: as in sst2.py.

Command:
  ./launch.sh train --config=experiments/configs/text/sst2_embeddings.py:freelb
  ./launch.sh evaluate --attack=deep_word_bug,pruthi \\
      --workdir=runs/sst2_embeddings_freelb
"""

from experiments.configs.embedding_training import Sizes, fine_tuning
from experiments.configs.text import sst2


def get_config(arg=""):
  data = sst2.get_config("transformer").data.to_dict()
  # Sizes of the authors' recipe for RoBERTa.
  sizes = Sizes(step_size=0.1, init_magnitude=0.5, radius=0.4)
  return fine_tuning(data, sizes, num_epochs=3.0, arg=arg)
