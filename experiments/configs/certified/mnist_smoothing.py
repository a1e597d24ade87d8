"""Training with Gaussian noise on MNIST, to be certified by smoothing.

Paper: Cohen, Rosenfeld and Kolter 2019, "Certified adversarial robustness via
randomized smoothing", L2. A LeNet trained so with sigma 0.5 by Jeong and Shin
2020 is certified for 99.2 / 96.8 / 89.7 % of the test images at radius 0 / 0.5
/ 1.0, of 100,000 votes; for the small CNN see docs/results/certificates.md.

Command:
  ./launch.sh train --config=experiments/configs/certified/mnist_smoothing.py
  ./launch.sh evaluate --certify --workdir=runs/mnist_smoothing \\
    --num_examples=1000

Another sigma, for training and certificate alike: --config.loss.sigma=0.25.
Other losses for the same end: `smooth_adv`, `macer`, `consistency`.
"""

from experiments.configs import common


def get_config(arg=""):
  config = common.classifier("mnist", "small_cnn", eps=1.0, norm="l2")
  config.loss = {"name": "gaussian", "sigma": 0.5}
  sigma = config.loss.get_ref("sigma")
  config.evaluator = {"name": "gaussian_noise", "sigma": sigma}
  config.optimizer.update(learning_rate=2e-3, schedule="cosine")
  config.training.update(num_epochs=30.0, monitor="noisy_accuracy")
  # An interrupted certification loses one batch.
  config.evaluation.batch_size = 16
  config.evaluation.radii = tuple(i / 4 for i in range(9))
  config.evaluation.certificate = {
    "name": "smoothing",
    "sigma": sigma,
    "n0": 100,
    "n": 10_000,
    "alpha": 0.001,
  }
  return common.finish(config, arg)
