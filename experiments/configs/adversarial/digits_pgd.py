"""PGD adversarial training on the embedded UCI digits; the main job.

Paper: Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial
Attacks", on a data set small enough to ship.

Command: ./launch.sh, or alone
  ./launch.sh train --config=experiments/configs/adversarial/digits_pgd.py
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("digits", "madry_cnn", eps=0.2)
  common.adversarial(
    config, common.linf_pgd(0.2, num_steps=7, step_size=0.3, keep="last")
  )
  config.optimizer.schedule = "cosine"
  config.training.update(num_epochs=30.0, batch_size=64, collapse=0.5)
  return common.finish(config, arg)
