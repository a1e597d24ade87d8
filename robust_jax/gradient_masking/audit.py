"""Audit of gradient masking: is PGD reliable on a model?

Accuracy under PGD can be high because the predictions hardly change, or because
the gradients are useless. In the second case it over-states robustness, and
another attack shows it.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import bounded_jit, checks, losses
from robust_jax.attacks.standalone import check_call
from robust_jax.gradient_masking import _paired_attacks as paired
from robust_jax.gradient_masking import _verdicts as verdicts
from robust_jax.gradient_masking._budget import budget
from robust_jax.gradient_masking._gradient_free import random_windows
from robust_jax.gradient_masking._probes import Plan, evaluate_repeatedly, probe
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
  """Runs all checks for gradient masking and reports their findings.

  A few hundred images suffice. Per image and radius it computes `num_steps *
  (restarts + 3/2) + 2` gradients (72) and, with the default black box, about
  160 forward passes, and `num_steps` gradients of the surrogate, if there is
  one. Two programs are compiled, whatever the number of radii, and none for
  another model of the same structure (`models.inference.inference_fn`) or other
  radii.

  The checks cannot tell whether an attack designed for the defense would do
  better still: "ok" in all of them is no proof of robustness.

  Args:
    key: random key, consumed by the searches.
    logits_fn: the model.
    x: clean images `[N, ...]`, evaluated as one batch.
    labels: labels `[N]`.
    make_set: radius -> perturbation set of the threat model, such as
      `perturbations.linf`, for changes that are added to x.
    radii: increasing radii. The last should allow any image (1 for Linf, the
      square root of the number of pixels for L2), so that no model is robust.
    surrogate: a similar model, attacked in place of the model, for the transfer
      check.
    objective: loss that PGD maximizes.
    black_box: a search without gradients, with its hyperparameters bound by
      `functools.partial`.
    num_steps: number of steps of a run of PGD.
    step_size: step size of PGD, as a fraction of the radius.
    restarts: number of runs of PGD, from random starts.
    searches: searches of other attacks whose results are reported, title ->
      `name` and options as in a config; only their step budget is checked.

  Returns:
    Findings, in a fixed order; `[finding._asdict() for finding in ...]` can be
    written to a JSON report.

  Raises:
    ValueError: images, labels or radii are invalid, there are fewer than two
      steps or restarts, or all images are misclassified.

  Source: Athalye, Carlini and Wagner 2018, "Obfuscated Gradients Give a False
  Sense of Security", section 3.1; Carlini et al. 2019, "On Evaluating
  Adversarial Robustness", sections 4 and 5; for randomness, probabilities and
  zero gradients, the warnings of the AutoAttack code (Croce and Hein 2020).
  Thresholds are ours, except the tolerance of repeated outputs, which is
  AutoAttack's.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import perturbations
    >>> from robust_jax.gradient_masking.audit import masking_checks
    >>> x = jax.random.uniform(jax.random.key(0), (20, 4))
    >>> model, labels = lambda x: x @ jnp.eye(4)[:, :2], (x[:, 1] > x[:, 0])
    >>> findings = masking_checks(
    ...   jax.random.key(1), model, x, labels.astype(int), perturbations.linf,
    ...   (0.1, 1.0), num_steps=10
    ... )
    >>> {finding.name for finding in findings if finding.verdict == "fail"}
    set()
  """
  x, labels = jnp.asarray(x), jnp.asarray(labels)
  for model in (logits_fn, surrogate or logits_fn):
    check_call(model, x, labels)
  _check_radii(radii)
  for name, value in (("num_steps", num_steps), ("restarts", restarts)):
    checks.at_least_one(name, value)
    if value < 2:
      raise ValueError(
        f"{name} = {value}: expected 2 or more, for comparisons."
      )
  plan = Plan(make_set, objective, black_box, num_steps, step_size, restarts)
  outputs = [
    bounded_jit.call(evaluate_repeatedly, logits_fn, x) for _ in range(2)
  ]
  outputs = jax.device_get(outputs)
  eps = jnp.asarray(radii, jnp.float32)
  probes = jax.device_get(
    bounded_jit.call(probe, key, logits_fn, x, labels, eps, surrogate, plan)
  )
  if not probes.correct.any():
    raise ValueError(
      f"the model classifies none of the {len(x)} images correctly, so there "
      "is nothing to attack: check its weights, and the range of the images."
    )
  return [
    verdicts.repeatable(*outputs),
    verdicts.batch(*outputs),
    verdicts.outputs(outputs[0].first),
    verdicts.gradient(probes),
    verdicts.objective(probes, isinstance(objective, WithSurrogate)),
    verdicts.derivative(probes),
    budget({"PGD here": _pgd(plan), **searches}),
    verdicts.unbounded(probes, radii),
    paired.larger_radius(probes, radii),
    paired.more_steps(probes, radii),
    paired.more_restarts(probes, radii),
    *paired.compare_with_baselines(probes, radii),
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
