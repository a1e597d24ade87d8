"""Fine-tuning of a pre-trained Transformer, on SST-2 or AG News.

The argument after the colon selects the data, whose files are those of sst2.py
and ag_news.py, and the control:

  sst2             sentiment of film reviews; default.
  ag_news          topics of news.
  sst2_scratch     the same with random parameters and the same tokenizer.
  ag_news_scratch  likewise.

It begins with all parameters of the encoder of a run of electra.py; the last
layer is new. The learning rate falls by a factor of 0.8 from each layer to the
one below.

Command:
  ./launch.sh train --config=experiments/configs/text/fine_tuning.py \\
      --config.warm_start.run=runs/electra \\
      --config.data.tokenizer.run=runs/electra
  ./launch.sh train \\
      --config=experiments/configs/text/fine_tuning.py:sst2_scratch \\
      --config.data.tokenizer.run=runs/electra
"""

from experiments.configs.text import ag_news, electra, sst2

_DATA = {"sst2": sst2, "ag_news": ag_news}
_SCRATCH = "_scratch"


def get_config(arg=""):
  smoke = arg == "smoke"
  name = "sst2_scratch" if smoke else arg or "sst2"
  data = name.removesuffix(_SCRATCH)
  if data not in _DATA:
    known = ", ".join(f"{one}, {one}{_SCRATCH}" for one in _DATA)
    raise ValueError(
      f"config argument '{arg}': expected none or 'smoke' or one of {known}."
    )
  config = _DATA[data].get_config("transformer")
  config.model = dict(electra.ENCODER)
  config.data.length = electra.ENCODER["max_length"]
  config.data.tokenizer = {"run": "runs/electra"}
  config.optimizer = {
    "name": "adam",
    "learning_rate": 1e-3,
    "schedule": "linear",
    "layer_decay": 0.8,
  }
  config.training.batch_size = 32
  if not name.endswith(_SCRATCH):
    config.warm_start = {"run": "runs/electra", "fresh": ("dense",)}
  if smoke:
    sst2.smoke_data(config)
    config.data.tokenizer = {"kind": "word_piece", "vocabulary_size": 200}
    config.model.update(width=8, depth=1, num_heads=2)
  return config
