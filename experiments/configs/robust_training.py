"""Methods of robust training, each as changes of one common recipe."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from experiments.build.with_overrides import with_overrides
from experiments.configs import common

_NUM_REPLAYS = 8


def methods(eps: float, warmup_steps: int = 0) -> dict[str, dict[str, Any]]:
  """Method -> what it changes in a config of `common.classifier`.

  Args:
    eps: radius of the Linf ball, in input units.
    warmup_steps: steps over which PGD-AT, TRADES, MART and training on several
      attacks scale their perturbations up; without them a network may stay at
      chance for a large radius. The weights of TRADES and MART are perturbed
      after them.
  """
  pgd = _pgd(eps, "cross_entropy")
  divergence = _pgd(eps, "kl")
  rotation = common.worst_of_k(10)
  warmup = {"warmup_steps": warmup_steps}
  soft = _loss("pgd_at", attack=_pgd(eps, "soft_cross_entropy"), **warmup)
  trades = _loss("trades", attack=divergence, **warmup)
  mart = _loss("mart", attack=pgd, **warmup)
  pgd_at = _loss("pgd_at", attack=pgd, **warmup)
  awp = {"gradient": {"name": "awp", "gamma": 0.005, **warmup}}
  # Without an attack in the ball, accuracy under one says nothing.
  clean = {"training": {"monitor": "accuracy"}}
  smoothing = {"task": {"label_smoothing": 0.1}}
  half = common.pgd("linf", eps / 2, num_steps=5, step_size=0.25, keep="last")
  advprop = {
    "loss": half | {"name": "advprop"},
    "model": {"batch_norm": "per_device"},
    "task": {"auxiliary_norm": True},
  }
  both = {"attacks": {"linf": pgd, "rotation": rotation}, **warmup}
  return {
    "standard": clean,
    "pgd_at": pgd_at,
    "rs_fgsm": _loss("pgd_at", attack={"name": "rs_fgsm", "eps": eps}),
    "n_fgsm": _loss("n_fgsm", eps=eps),
    "grad_align": _loss("grad_align", eps=eps),
    "free": {
      "task": {
        "name": "free",
        "set": {"name": "linf", "eps": eps},
        "replays": _NUM_REPLAYS,
      }
    },
    "trades": trades,
    "mart": mart,
    "alp": _loss("alp", attack=pgd),
    "trades_awp": trades | awp,
    "pgd_at_awp": pgd_at | {"gradient": {"name": "awp", "gamma": 0.01}},
    "mart_awp": mart | awp,
    "sam": clean | {"gradient": {"name": "sam", "rho": 0.05}},
    "asam": clean | {"gradient": {"name": "asam", "rho": 0.5}},
    "pgd_at_sam": pgd_at | {"gradient": {"name": "sam", "rho": 0.05}},
    "pgd_at_ema": pgd_at | {"average": {"name": "ema", "decay": 0.999}},
    "advprop": clean | advprop,
    # Set surrogates.runs to work directories of trained classifiers.
    "ensemble_at": _loss(
      "ensemble_at", attack={"name": "rand_fgsm", "eps": eps}
    )
    | {"surrogates": {"runs": ()}},
    "label_smoothing": clean | smoothing,
    "pgd_at_label_smoothing": soft | smoothing,
    "pgd_at_cutmix": soft | {"mix": {"name": "cutmix"}},
    "random_rotation": clean | _loss("pgd_at", attack=common.worst_of_k(1)),
    "worst_of_10": clean | _loss("pgd_at", attack=rotation),
    "linf_and_rotation_mean": _loss("several_attacks", over="mean", **both),
    "linf_and_rotation_max": _loss("several_attacks", over="max", **both),
  }


def finish(
  config: ConfigDict, arg: str, eps: float, warmup_steps: int = 0
) -> ConfigDict:
  """Applies the config's argument: the name of a method, none, or "smoke".

  Args:
    config: as `common.classifier` makes it, with its recipe.
    arg: the argument; no argument is "pgd_at".
    eps: radius of the Linf ball, in input units.
    warmup_steps: see `methods`.

  Raises:
    ValueError: another argument.
  """
  known = methods(eps, warmup_steps)
  common.check_argument(arg, known)
  method = arg if arg in known else "pgd_at"
  config.training.monitor = "robust_accuracy"
  # At chance, a tenth, after a third of training there is nothing to wait for.
  config.training.floor = 0.15
  config.training.floor_after_epochs = config.training.num_epochs / 3
  config = with_overrides(config, known[method])
  if method == "free":
    with config.unlocked():
      del config.loss
    for length in ("num_epochs", "floor_after_epochs"):
      config.training[length] /= _NUM_REPLAYS
  return common.finish(config, "smoke" if arg == "smoke" else "")


def _loss(name: str, **options: Any) -> dict[str, Mapping[str, Any]]:
  return {"loss": {"name": name, **options}}


def _pgd(eps: float, objective: str) -> dict[str, Any]:
  """Ten steps of a third of the radius on the objective."""
  attack = common.pgd("linf", eps, num_steps=10, step_size=1 / 3, keep="last")
  return attack | {"objective": objective}
