"""Defensive distillation on the embedded digits, to be broken.

Paper: Papernot et al. 2016, "Distillation as a Defense to Adversarial
Perturbations against Deep Neural Networks"; broken by Carlini and Wagner 2017,
"Towards Evaluating the Robustness of Neural Networks". Two networks, both at
temperature 40, the second on the predictions of the first; see
docs/results/digits.md.

Command:
  ./launch.sh train \\
    --config=experiments/configs/adversarial/digits_distilled.py:teacher
  ./launch.sh train \\
    --config=experiments/configs/adversarial/digits_distilled.py
  ./launch.sh evaluate --workdir=runs/digits_distilled
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("digits", "small_cnn", eps=0.15)
  config.loss = {"name": "distillation", "temperature": 40.0}
  if arg == "":
    config.teacher = {"run": "runs/digits_distilled_teacher"}
  config.optimizer.update(learning_rate=3e-3, schedule="cosine")
  config.training.update(
    num_epochs=60.0, batch_size=32, evaluate_every_epochs=5.0
  )
  return common.finish(config, "" if arg == "teacher" else arg)
