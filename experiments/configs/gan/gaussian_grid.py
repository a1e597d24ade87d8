"""A GAN on a grid of 25 Gaussians, by three solvers of the game.

The argument names the solver: alternating moves, extragradient with fresh
examples for the second gradient, or optimistic. With "_r1" after it the
discriminator has an R1 penalty. Each step has 256 examples for each gradient.

Paper: data of Srivastava et al. 2017, "VEEGAN", with modes that are twice as
wide; solvers of Gidel et al. 2019, "A variational inequality perspective on
generative adversarial networks"; penalty of Mescheder et al. 2018, "Which
training methods for GANs do actually converge?".

Command:
  ./launch.sh train --config=experiments/configs/gan/gaussian_grid.py:optimistic
  python -m experiments.studies.generation \\
      --config=experiments/configs/gan/gaussian_grid.py --seeds=0..2 \\
      --variants=alternating,extragradient,optimistic,alternating_r1
"""

from typing import Any

from experiments.configs import gan_common
from experiments.configs.gan import gaussian_ring

_SOLVERS: dict[str, dict[str, Any]] = {
  "alternating": {"solver": {"name": "alternating"}},
  "extragradient": {
    "solver": {"name": "extragradient", "fresh": True},
    "training": {"batch_size": 512},
  },
  "optimistic": {"solver": {"name": "optimistic"}},
}
_R1 = {"penalties": ({"name": "r1", "weight": 0.1},)}
_VARIANTS = _SOLVERS | {
  f"{name}_r1": solver | _R1 for name, solver in _SOLVERS.items()
}


def get_config(arg=""):
  config = gaussian_ring.get_config("smoke" if arg == "smoke" else "")
  config.data.update(name="gaussian_grid")
  for name in ("generator", "discriminator"):
    config.models[name].hidden = (128, 128, 128)
    config.optimizers[name].schedule = "cosine"
  config.task.latent_size = 2
  if arg != "smoke":
    config.data.train.num_examples = 65536
    config.training.update(batch_size=256, num_steps=8000)
    config.training.evaluate_every_steps = 2000
  config.evaluation.min_fraction = 0.01
  return gan_common.with_variant(config, _VARIANTS, arg)
