"""PGD adversarial training on the embedded UCI digits; the main job.

Paper: Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial
Attacks", on a dataset small enough to ship. Half a minute on two CPU cores;
see docs/results/digits.md.

Command: ./launch.sh, or alone
  ./launch.sh train --config=experiments/configs/adversarial/digits_pgd.py
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("digits", "small_cnn", eps=0.15)
  common.adversarial(
    config, common.pgd("linf", 0.15, num_steps=7, step_size=0.3, keep="last")
  )
  config.optimizer.update(learning_rate=3e-3, schedule="cosine")
  config.training.update(
    num_epochs=60.0, batch_size=32, evaluate_every_epochs=2.0
  )
  return common.finish(config, arg)
