"""Whether PGD can be believed on a model: masked gradients, found and named.

A defence may stand against gradients because the answers hardly change, or
because the gradients are useless. In the second case the accuracy under PGD is
an over-statement, and another attack shows it.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import bounded_jit, checks, losses
from robust_jax.attacks.standalone import check_call
from robust_jax.gradient_masking import _paired_attacks as rivals
from robust_jax.gradient_masking import _verdicts as verdicts
from robust_jax.gradient_masking._budget import budget
from robust_jax.gradient_masking._gradient_free import random_windows
from robust_jax.gradient_masking._probes import Plan, ask, probe
from robust_jax.gradient_masking._verdicts import Finding
from robust_jax.objective import WithSurrogate
from robust_jax.types import (
  Array,
  Key,
  Model,
  Objective,
  PerturbationSet,
  Search,
)


def masking_checks(
  key: Key,
  logits_fn: Model,
  x: Array,
  labels: Array,
  make_set: Callable[[Array], PerturbationSet],
  radii: Sequence[float],
  *,
  surrogate: Model | None = None,
  objective: Objective = losses.cross_entropy,
  black_box: Search = random_windows,
  num_steps: int = 20,
  step_size: float = 0.25,
  restarts: int = 2,
  searches: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> list[Finding]:
  """Runs every check, and says what was found.

  A few hundred images are enough. Per image and radius: `num_steps *
  (restarts + 3/2) + 2` gradients (72) and, with the default black box, some
  160 forward passes; `num_steps` gradients of the surrogate's, if any. Two
  programs are compiled whatever the number of radii, and none for another
  model of the same structure (`models.frozen`) or other radii.

  What these checks cannot see: that an attack made for the defence would do
  better still. All "ok" is no proof of robustness.

  Args:
    key: consumed by the searches.
    logits_fn: the model.
    x: clean images `[N, ...]`; they go through the model as one batch.
    labels: their classes `[N]`.
    make_set: radius -> perturbation set of the threat model, such as
      `perturbations.linf`; it is meant for sets of changes that add to x.
    radii: increasing. The last is to allow everything (1 for Linf, the square
      root of the number of pixels for L2): there no model withstands.
    surrogate: a model like it, attacked in its place, for the transfer check.
    objective: the loss that PGD climbs.
    black_box: a search that asks for values only, with its hyperparameters
      (`functools.partial`).
    num_steps: of a run of PGD.
    step_size: of PGD, a fraction of the radius.
    restarts: runs of PGD, from random starts.
    searches: of other attacks whose figures are to be believed, title -> `name`
      and options as in a config; only their budget of steps is looked at.

  Returns:
    Findings, in an order that does not depend on what is found;
    `[finding._asdict() for finding in ...]` goes into a JSON report as it is.

  Raises:
    ValueError: images, labels or radii that cannot be meant, fewer than two
      steps or restarts, or no image that the model answers right.

  Source: Athalye, Carlini and Wagner 2018, "Obfuscated Gradients Give a False
  Sense of Security", section 3.1; Carlini et al. 2019, "On Evaluating
  Adversarial Robustness", sections 4 and 5; for randomness, probabilities and
  zero gradients, the warnings of the AutoAttack code (Croce and Hein 2020).
  Thresholds are ours, except the tolerance on repeated answers, AutoAttack's.
  """
  x, labels = jnp.asarray(x), jnp.asarray(labels)
  for model in (logits_fn, surrogate or logits_fn):
    check_call(model, x, labels)
  _check_radii(radii)
  for name, value in (("num_steps", num_steps), ("restarts", restarts)):
    checks.at_least_one(name, value)
    if value < 2:
      raise ValueError(
        f"{name} = {value}: expected 2 or more, to compare with."
      )
  plan = Plan(make_set, objective, black_box, num_steps, step_size, restarts)
  asked = [bounded_jit.call(ask, logits_fn, x) for _ in range(2)]
  asked = jax.device_get(asked)
  eps = jnp.asarray(radii, jnp.float32)
  probes = jax.device_get(
    bounded_jit.call(probe, key, logits_fn, x, labels, eps, surrogate, plan)
  )
  if not probes.correct.any():
    raise ValueError(
      f"the model answers none of the {len(x)} images right, so there is "
      "nothing to attack: check its weights, and the range of the images."
    )
  return [
    verdicts.repeatable(*asked),
    verdicts.batch(*asked),
    verdicts.outputs(asked[0].first),
    verdicts.gradient(probes),
    verdicts.objective(probes, isinstance(objective, WithSurrogate)),
    verdicts.derivative(probes),
    budget({"PGD here": _pgd(plan), **searches}),
    verdicts.unbounded(probes, radii),
    rivals.larger_radius(probes, radii),
    rivals.more_steps(probes, radii),
    rivals.more_restarts(probes, radii),
    *rivals.rivals(probes, radii),
  ]


def _pgd(plan: Plan) -> dict[str, Any]:
  options = {"num_steps": plan.num_steps, "step_size": plan.step_size}
  return {"name": "pgd", **options}


def _check_radii(radii):
  values = np.asarray(radii, np.float64)
  increasing = values.ndim == 1 and np.all(np.diff(values, prepend=0.0) > 0)
  if not increasing or len(values) < 2:
    raise ValueError(
      f"radii = {radii}: expected two or more positive numbers, increasing, "
      "the last of which allows every image (1 for Linf)."
    )
