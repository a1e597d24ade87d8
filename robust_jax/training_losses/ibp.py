"""IBP training: the cross-entropy of the worst logits that bounds allow."""

from typing import Literal

import jax.numpy as jnp

from robust_jax import checks, metrics
from robust_jax.certificates.crown_ibp import both_margins
from robust_jax.certificates.interval_bounds import margin_bounds
from robust_jax.training_losses._common import cross_entropy
from robust_jax.types import (
  Array,
  Batch,
  Forward,
  Key,
  LossOutput,
  TrainingLoss,
)

_QUARTIC = 0.25  # the part of the ramp in which the radius grows as t^4


def ibp(
  eps: float,
  *,
  kappa: float = 0.5,
  warmup_steps: int = 0,
  ramp_steps: int = 0,
  bound: Literal["interval_bounds", "crown_ibp"] = "interval_bounds",
) -> TrainingLoss:
  """IBP training: the cross-entropy of the worst logits that bounds allow.

      per_example = k CE(z, y) + (1 - k) CE(m, y)
      m_i         = upper bound of z_i - z_y within eps_t of x and [0, 1]

  with z = f(x), and m by interval bound propagation, the last layer elided
  (`certificates.interval_bounds`). A model that is not trained for it has no
  useful bounds, and training begins without them: for `warmup_steps` the radius
  eps_t is 0 and k is 1; over the next `ramp_steps` eps_t grows to eps, as t^4
  in the first quarter and linearly from there on, and k falls linearly to
  `kappa`.

  With the bound "crown_ibp" training begins with tighter bounds, which do not
  push weights towards 0: m is their mean with the interval bounds, of which the
  weight of the interval bounds rises from 0 to 1 with the ramp. A step costs
  about K backward passes more.

  Args:
    eps: Linf radius in input units; a tenth larger than that to be certified
      in the paper.
    kappa: the last weight of the clean loss, in [0, 1].
    warmup_steps: of clean training; 2,000 of 60,000 on MNIST in the paper.
    ramp_steps: 10,000 there.
    bound: a certificate whose bound is trained, of those of Linf.

  Returns:
    The loss. Its outputs are the clean logits; it reports "certified", the
    fraction that is certified at eps_t, and "eps". The model must be one that
    has bounds in training as well: without batch normalization.

  Raises:
    ValueError: an option is out of its range or unknown; from the loss, the
      model does something that has no bounds.

  Example:
    >>> from robust_jax.training_losses import ibp
    >>> loss = ibp(0.11, warmup_steps=600, ramp_steps=6000)

  Source: Gowal et al. 2018, "On the effectiveness of interval bound propagation
  for training verifiably robust models", eq. 12; the smooth ramp and
  CROWN-IBP are those of Zhang et al. 2020, "Towards stable and efficient
  training of verifiably robust neural networks", eq. 11, the ramp with the
  constants of their code.
  """
  for name, value in (("eps", eps), ("kappa", kappa)):
    checks.non_negative(name, value)
  checks.at_most("kappa", kappa, 1)
  checks.non_negative("warmup_steps", warmup_steps)
  checks.non_negative("ramp_steps", ramp_steps)
  if bound not in ("interval_bounds", "crown_ibp"):
    raise ValueError(
      f"bound = '{bound}': expected 'interval_bounds' or 'crown_ibp'."
    )

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    x, y = batch["x"], batch["y"]
    t = (forward.step - warmup_steps + 1) / max(ramp_steps, 1)
    t = jnp.clip(t, 0.0, 1.0)
    radius, weight = eps * _smooth_ramp(t), 1 - (1 - kappa) * t
    logits, model_state = forward.train(key, x)
    model = lambda x: forward.train(key, x)[0]
    if bound == "crown_ibp":
      by_interval, by_lines = both_margins(model, x, y, radius)
      margins = t * by_interval + (1 - t) * by_lines
    else:
      margins = margin_bounds(model, x, y, radius)
    per_example = weight * cross_entropy(logits, y)
    per_example += (1 - weight) * cross_entropy(margins, y)
    shown = jnp.sum(margins < 0, axis=-1) == margins.shape[-1] - 1
    report = {
      "certified": metrics.average(shown, batch["mask"]),
      "eps": metrics.average(jnp.full(len(x), radius), batch["mask"]),
    }
    return LossOutput(per_example, logits, report, model_state)

  return loss


def _smooth_ramp(t: Array) -> Array:
  """From 0 to 1 for t in [0, 1]: quartic, then linear, with one slope."""
  slope = 4 * _QUARTIC**3
  end = _QUARTIC**4 + slope * (1 - _QUARTIC)
  linear = _QUARTIC**4 + slope * (t - _QUARTIC)
  return jnp.where(t < _QUARTIC, t**4, linear) / end
