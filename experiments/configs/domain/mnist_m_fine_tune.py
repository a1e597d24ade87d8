"""Fine-tuning: the network that MNIST trained, on few labelled MNIST-M images.

What labels of the target are worth, beside adaptation without any: the best
checkpoint of a source-only run is the start, its head is drawn anew, and all of
it is trained on 100 labelled images. Another hundred choose the checkpoint.
`evaluate` also asks for accuracy under attack, as of every classifier.

Command:
  ./launch.sh train \\
    --config=experiments/configs/domain/mnist_to_mnist_m.py:source_only
  ./launch.sh train --config=experiments/configs/domain/mnist_m_fine_tune.py
  ./launch.sh evaluate --workdir=runs/mnist_m_fine_tune

For another number of labels (and without a warm start where `run` is empty):
  ./launch.sh train --config=experiments/configs/domain/mnist_m_fine_tune.py \\
    --config.data.train='train[:1000]' --workdir=runs/mnist_m_fine_tune_1000
"""

from experiments.configs import common

_MEAN = (0.28, 0.28, 0.26)  # of the source-only run


def get_config(arg=""):
  config = common.classifier("mnist_m", "dann_mnist", eps=0.1)
  config.model.update(mean=_MEAN, batch_norm="none")
  config.warm_start = {
    "run": "runs/mnist_to_mnist_m_source_only",
    "fresh": ("label_predictor",),
  }
  config.data.update(train="train[:100]", validation="train[50000:50100]")
  config.training.update(
    num_epochs=200.0, batch_size=50, evaluate_every_epochs=20.0
  )
  config = common.finish(config, arg)
  if arg == "smoke":
    config.warm_start.run = ""
    config.data.name = "digits_m"
  return config
