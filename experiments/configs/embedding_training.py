"""Methods of training on embeddings, each as changes of one recipe."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.build.with_overrides import with_overrides
from experiments.configs import common
from experiments.configs.text import sst2

_NUM_PASSES = 3


class Sizes(NamedTuple):
  """Sizes of an ascent on embeddings, as of `training_losses.freelb`."""

  step_size: float
  init_magnitude: float
  radius: float


def methods(sizes: Sizes, width: int) -> dict[str, dict[str, Any]]:
  """Method -> what it changes in a config of `fine_tuning`.

  "pgd", "free" and "freelb" take three forward and backward passes per step, of
  which "free" makes as many updates. "freelb_fresh" draws a dropout mask for
  each pass.

  Args:
    sizes: of the ascent. The balls of other methods have its radius, but for
      "r3f", whose noise is as published.
    width: length of an embedding.
  """
  step = sizes.step_size / sizes.radius
  ball = {"name": "embeddings", "eps": sizes.radius, "width": width}
  noise = {"name": "worst_of_k", "k": 1, "set": ball}
  pgd = _pgd(ball, "cross_entropy", step, num_steps=_NUM_PASSES - 1)
  smart = _pgd(ball, "symmetric_kl", step, num_steps=1)
  freelb = {"num_passes": _NUM_PASSES, "width": width, **sizes._asdict()}
  free = {"set": ball, "replays": _NUM_PASSES, "step_size": step}
  return {
    "standard": _loss("erm"),
    "noise": _loss("pgd_at", attack=noise),
    "pgd": _loss("pgd_at", attack=pgd),
    "free": {"task": {"name": "free", **free}, "loss": None},
    "freelb": _loss("freelb", **freelb),
    "freelb_fresh": _loss("freelb", **freelb, fresh_dropout=True),
    "smart": _loss("trades", beta=1.0, divergence="symmetric_kl", attack=smart),
    "r3f": _loss("r3f", width=width),
  }


def fine_tuning(
  data: Mapping[str, Any], sizes: Sizes, num_epochs: float, arg: str
) -> ConfigDict:
  """Makes the config of a text Transformer, trained by one of the methods.

  Args:
    data: what the section `data` has beside its tokenizer.
    sizes: see `methods`.
    num_epochs: length of training.
    arg: argument of the config: the name of a method, none for "freelb", or
      "smoke" for two steps of it on a few reviews.

  Raises:
    ValueError: another argument.
  """
  config = sst2.get_config("transformer")
  config.data = {
    "kind": "text",
    "tokenizer": {"kind": "word_piece", "vocabulary_size": 8_000},
    **data,
  }
  config.model.max_length = config.data.length
  if "pair" in config.data.columns:
    config.evaluation.text_attacks = {}  # they are for single texts
  config.training.update(
    num_epochs=num_epochs,
    batch_size=32,
    evaluate_every_epochs=num_epochs / 10,
  )
  if arg == "smoke":
    sst2.smoke_data(config)
    if "pair" in config.data.columns:
      config.data.columns.pair = "text"
    config.model.update(width=4, depth=1)
  known = methods(sizes, config.model.width)
  common.check_argument(arg, known)
  return with_overrides(config, known[arg if arg in known else "freelb"])


def fit_width(section: ConfigDict, width: int) -> None:
  """Sets all that is told the length of embeddings to another, in place.

  Args:
    section: the section `loss` or `task` of a config, or one inside it.
    width: the length, `config.model.width`.
  """
  if "width" in section:
    section.width = width
  for inner in section.values():
    if isinstance(inner, ConfigDict):
      fit_width(inner, width)


def _loss(name: str, **options: Any) -> dict[str, Any]:
  return {"loss": {"name": name, **options}}


def _pgd(
  ball: Mapping[str, Any], objective: str, step_size: float, num_steps: int
) -> dict[str, Any]:
  """Ascent from a random start to its last point."""
  return {
    "name": "compose",
    "search": {
      "name": "pgd",
      "num_steps": num_steps,
      "step_size": step_size,
      "keep": "last",
    },
    "set": ball,
    "objective": objective,
  }
