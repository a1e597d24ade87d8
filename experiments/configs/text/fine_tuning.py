"""Fine-tuning of a pre-trained Transformer, on SST-2 or AG News.

The argument after the colon is the data, whose files are those of sst2.py and
ag_news.py, with "_1000" for a thousand examples, and with "_scratch" for the
control, of random parameters and the same tokenizer:

  sst2, sst2_1000, sst2_scratch, ag_news_1000_scratch, ...

Training begins with all parameters of the encoder of a run of electra.py, at
its last checkpoint; the last layer is new. The learning rate falls by a factor
of 0.8 from each layer to the one below.

Command:
  ./launch.sh train --config=experiments/configs/text/fine_tuning.py \\
      --config.warm_start.run=runs/electra \\
      --config.data.tokenizer.run=runs/electra
  ./launch.sh train \\
      --config=experiments/configs/text/fine_tuning.py:sst2_scratch \\
      --config.data.tokenizer.run=runs/electra
"""

from experiments.configs.text import ag_news, electra, sst2

# Of each dataset the config, a thousand examples, and epochs with all.
_DATA = {
  "sst2": (sst2, "sst2/train.tsv[2000:3000]", 1.0),
  "ag_news": (ag_news, "ag_news/subset_train.csv[1000:2000]", 5.0),
}
_FEW, _SCRATCH = "_1000", "_scratch"


def get_config(arg=""):
  smoke = arg == "smoke"
  variant = "sst2_scratch" if smoke else arg or "sst2"
  with_size = variant.removesuffix(_SCRATCH)
  name = with_size.removesuffix(_FEW)
  if name not in _DATA:
    raise ValueError(
      f"config argument '{arg}': expected none or 'smoke' or one of "
      f"{', '.join(_DATA)}, perhaps with {_FEW} or {_SCRATCH} behind it."
    )
  module, few, num_epochs = _DATA[name]
  config = module.get_config("transformer")
  if with_size.endswith(_FEW):
    num_epochs = 10.0
    if isinstance(config.data.train, str):
      config.data.train = few
    else:
      config.data.train.file = few
  config.model = dict(electra.ENCODER)
  config.data.length = config.model.max_length
  config.data.tokenizer = {"run": "runs/electra"}
  config.optimizer = {
    "name": "adam",
    "learning_rate": 1e-3,
    "schedule": "linear",
    "layer_decay": 0.8,
  }
  config.training.update(batch_size=32, num_epochs=num_epochs)
  config.training.evaluate_every_epochs = num_epochs / 5
  if variant == with_size:
    config.warm_start = {
      "run": "runs/electra",
      "fresh": ("dense",),
      "which": "last",
    }
  if smoke:
    sst2.smoke_data(config)
    config.data.tokenizer = {"kind": "word_piece", "vocabulary_size": 200}
    config.data.length = config.model.max_length = 8
    config.model.update(width=8, depth=1, num_heads=2)
  return config
