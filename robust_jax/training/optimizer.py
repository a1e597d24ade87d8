"""Optax optimizers and schedules by name."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import optax

from robust_jax import checks
from robust_jax.training.layer_rates import scale_by_layer

# Fractions of the run after which the rate drops to a tenth.
_DROPS = {"piecewise": (0.75, 0.9), "thirds": (1 / 3, 2 / 3)}
# Of those that rise and fall linearly, the fraction of the run at the peak.
_PEAKS = {"triangle": 0.4, "linear": 0.1}
_SCHEDULES = ("constant", "cosine", *_PEAKS, *_DROPS, "dann")


def optimizer(
  config: Mapping[str, Any], num_steps: int
) -> optax.GradientTransformation:
  """Makes the optimizer of a config section.

  Args:
    config: `name`, an optax optimizer (adam, adamw, sgd, ...);
      `learning_rate`, the peak of the schedule; `schedule`, see `schedule`;
      `clip_norm`, the largest global gradient norm; `weight_decay`, which is
      added to the gradient unless the optimizer has its own decay;
      `layer_decay`, see `layer_rates.scale_by_layer`. All other entries are
      options of the optimizer (momentum, ...).
    num_steps: length of the run, which schedules span.

  Raises:
    ValueError: optax has no such optimizer, or the optimizer no such option,
      the schedule is unknown, or a number is out of range.

  Example:
    >>> import jax.numpy as jnp
    >>> from robust_jax.training.optimizer import optimizer
    >>> adam = {"name": "adam", "learning_rate": 0.1, "schedule": "cosine"}
    >>> optimizer(adam, num_steps=100).init(jnp.zeros(3))[0][0].mu.shape
    (3,)
  """
  options = dict(config)
  _check_ranges(options)
  make = getattr(optax, name := options.pop("name"), None)
  if not callable(make):
    raise ValueError(f"optax has no optimizer named '{name}'; try 'adam'.")
  known = inspect.signature(make).parameters
  before = []
  if "clip_norm" in options:
    before.append(optax.clip_by_global_norm(options.pop("clip_norm")))
  if "weight_decay" in options and "weight_decay" not in known:
    before.append(optax.add_decayed_weights(options.pop("weight_decay")))
  after = []
  if "layer_decay" in options:
    after.append(scale_by_layer(options.pop("layer_decay")))
  options["learning_rate"] = schedule(
    options.pop("schedule", "constant"), options["learning_rate"], num_steps
  )
  unknown = sorted(set(options) - set(known))
  if unknown:
    raise ValueError(
      f"optax.{name} has no option {', '.join(unknown)}; it takes "
      f"{', '.join(known)}."
    )
  return optax.chain(*before, make(**options), *after)


def _check_ranges(options):
  for name in ("learning_rate", "weight_decay"):
    if not 0 <= options.get(name, 0.0) < math.inf:
      raise ValueError(
        f"optimizer.{name} = {options[name]}: expected a finite number, 0 or "
        "more."
      )
  checks.positive("optimizer.clip_norm", options.get("clip_norm", 1.0))


def schedule(name: str, peak: float, num_steps: int) -> optax.Schedule:
  """Makes a learning rate schedule.

  Args:
    name: one of
      "constant": the peak;
      "cosine": cosine decay from the peak to 0;
      "triangle": linear from 0 to the peak at 40 % of the run and back to 0,
        the cyclic schedule of Wong, Rice and Kolter 2020;
      "linear": likewise with the peak at 10 %, as in fine-tuning of BERT;
      "piecewise": the peak, a tenth of it from 75 % of the run and a hundredth
        from 90 %, as is common in PGD training;
      "thirds": likewise from one third and from two thirds, as is common on
        ImageNet;
      "dann": `peak / (1 + 10 p)^0.75` at a fraction p of the run, of Ganin et
        al. 2016, section 5.2.2, whose peak is 0.01.
    peak: the peak of the learning rate.
    num_steps: length of the run.

  Raises:
    ValueError: there is no such schedule.

  Example:
    >>> from robust_jax.training.optimizer import schedule
    >>> round(float(schedule("triangle", 1.0, num_steps=10)(2)), 2)
    0.5
  """
  if name == "constant":
    return optax.constant_schedule(peak)
  if name == "cosine":
    return optax.cosine_decay_schedule(peak, num_steps)
  if name in _PEAKS:
    rise = max(1, int(_PEAKS[name] * num_steps))
    return optax.join_schedules(
      [
        optax.linear_schedule(0.0, peak, rise),
        optax.linear_schedule(peak, 0.0, max(1, num_steps - rise)),
      ],
      [rise],
    )
  if name in _DROPS:
    drops = {int(part * num_steps): 0.1 for part in _DROPS[name]}
    return optax.piecewise_constant_schedule(peak, drops)
  if name == "dann":
    return lambda step: peak / (1 + 10 * step / num_steps) ** 0.75
  raise ValueError(
    f"no schedule named '{name}': expected one of {', '.join(_SCHEDULES)}."
  )
