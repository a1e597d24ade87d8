"""AutoAttack: an ensemble of four parameter-free attacks."""

import functools
import pathlib

import jax
import jax.numpy as jnp

from robust_jax import losses, tree
from robust_jax.attacks.autoattack import suite
from robust_jax.attacks.autoattack.apgd_l1 import ascend
from robust_jax.attacks.autoattack.square import resume_square
from robust_jax.attacks.autoattack.stage import Stage
from robust_jax.attacks.lp_ball import ball, in_ball
from robust_jax.attacks.minimal_norm.fab import (
  boundary_to_rank,
  class_of_rank,
  in_float32,
  nearest_boundary,
  random_start,
  run_fab,
  within,
)
from robust_jax.attacks.standalone import check_call
from robust_jax.objective import of_model
from robust_jax.perturbations.l2 import l2
from robust_jax.search.apgd import apgd
from robust_jax.search.expectation_over_transformation import keys_of_images
from robust_jax.types import Array, Attack, Key, Model, Norm, Objective
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu

_VERSIONS = ("standard", "plus", "rand")
_NUM_STEPS = 100
_NUM_QUERIES, _STRETCH = 5000, 500
_NUM_DRAWS = 20


def autoattack(
  norm: Norm,
  eps: Array | float,
  *,
  version: str = "standard",
  batch_size: int = 128,
  save_to: pathlib.Path | None = None,
) -> Attack:
  """AutoAttack: the ensemble under which robust accuracy is usually reported.

  Each attack of the ensemble runs on the examples that the earlier ones did not
  misclassify. "standard" is APGD on the cross-entropy, targeted APGD, targeted
  FAB and Square. "plus" adds restarts, APGD on the DLR loss and untargeted FAB.
  "rand", for randomized models, is APGD on both losses with gradients averaged
  over 20 draws. `suite.run(stages(...), ...)` reports the result of each stage.

  Args:
    norm: "linf", "l2" or "l1".
    eps: radius in input units; a float or `[N]`, one per example.
    version: "standard", "plus" or "rand".
    batch_size: batch size of the compiled programs.
    save_to: `.npz` file from which an interrupted run continues. A file of
      another run, with another radius, model or key for example, is refused.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`. It must not be jitted, since it
    packs the remaining examples on the host between stages. x is `[N, H, W,
    C]`, as Square needs it. For "rand" it may be `[N, ...]`, and `logits_fn` is
    a function `(x, key) -> logits`.

  Raises:
    ValueError: the norm or the version is unknown, or eps is negative; also
      where `standalone` and `suite.run` raise it.

  Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness
  with an ensemble of diverse parameter-free attacks"; for L1 Croce and Hein
  2021, "Mind the box"; settings as in the authors' code.

  Deviation: with fewer than four classes the targeted loss is a difference of
  two logits, with fewer than three DLR is the margin, and the name of the stage
  says so; Square draws windows for each image.

  Example:
    >>> from robust_jax.attacks.autoattack.autoattack import autoattack, stages
    >>> attack = autoattack("linf", 8 / 255)
    >>> [stage.name for stage in stages("linf", 8 / 255, "standard", 10)]
    ['apgd-ce', 'apgd-t', 'fab-t', 'square']
  """
  ball(norm, eps)

  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    if version == "rand":
      key, key_draws = jax.random.split(key)
      logits_fn = jax.tree_util.Partial(_draw, key_draws, logits_fn)
    num_classes = check_call(logits_fn, x, labels).shape[1]
    outcome = suite.run(
      stages(norm, eps, version, num_classes),
      key,
      logits_fn,
      x,
      labels,
      check=in_ball(norm, eps),
      batch_size=batch_size,
      save_to=save_to,
    )
    return jnp.asarray(outcome.x_adv)

  return attack


def stages(
  norm: Norm, eps: Array | float, version: str, num_classes: int
) -> list[Stage]:
  """The stages of a version of AutoAttack, in order, for `suite.run`.

  Args:
    norm: "linf", "l2" or "l1".
    eps: radius in input units; a float or `[N]`, one per example.
    version: "standard", "plus" or "rand".
    num_classes: number of classes of the model.

  Raises:
    ValueError: the version is unknown.
  """
  if version not in _VERSIONS:
    raise ValueError(f"version = '{version}': expected one of {_VERSIONS}.")

  def stage(name, num_rounds, attack):
    return Stage(name, attack, num_rounds, {"eps": eps})

  large = norm == "l1" and version == "standard"
  draws = _NUM_DRAWS if version == "rand" else 1
  restarts = {"standard": 5 if large else 1, "plus": 5, "rand": 1}[version]
  num_targets = min(9, num_classes - 1)
  dlr = "dlr" if num_classes > 2 else "margin"
  suffix = "" if num_classes > 3 else "-margin"
  ce = stage("apgd-ce", restarts, _apgd(norm, "cross_entropy", large, draws))
  untargeted = stage(f"apgd-{dlr}", restarts, _apgd(norm, dlr, large, draws))
  targeted = stage(
    f"apgd-t{suffix}",
    min(5, num_targets) if large else num_targets,
    _apgd_towards(norm, num_classes > 3, large),
  )
  fab_t = stage("fab-t", num_targets, _fab_towards(norm))
  black_box = stage("square", _NUM_QUERIES // _STRETCH, _square(norm))
  return {
    "standard": [ce, targeted, fab_t, black_box],
    "plus": [
      ce,
      untargeted,
      stage("fab", restarts, _fab(norm)),
      black_box,
      targeted,
      fab_t,
    ],
    "rand": [ce, untargeted],
  }[version]


# Each of these returns the same function for the same static options, so that
# its compiled program is found again.


@functools.cache
def _apgd(norm: Norm, loss: str, large: bool, num_draws: int):
  def attack(key, logits_fn, x, labels, x_now, round_index, eps):
    del x_now, round_index
    objective = getattr(losses, loss)
    return _ascend(
      key, logits_fn, x, labels, objective, norm, eps, large, num_draws
    )

  return attack


@functools.cache
def _apgd_towards(norm: Norm, has_dlr: bool, large: bool):
  def attack(key, logits_fn, x, labels, x_now, round_index, eps):
    del x_now
    target = class_of_rank(logits_fn(x), 1 + round_index)
    make = losses.targeted_dlr if has_dlr else losses.logit_difference
    return _ascend(key, logits_fn, x, labels, make(target), norm, eps, large, 1)

  return attack


@functools.cache
def _fab_towards(norm: Norm):
  def attack(key, logits_fn, x, labels, x_now, round_index, eps):
    del key, x_now
    model, x_in = in_float32(canonicalize_on_cpu(logits_fn), x)
    boundary = boundary_to_rank(model, x_in, labels, 1 + round_index)
    found = run_fab(model, boundary, x_in, labels, x_in, norm, _NUM_STEPS)
    return within(eps, x, *found)

  return attack


@functools.cache
def _fab(norm: Norm):
  def attack(key, logits_fn, x, labels, x_now, round_index, eps):
    del x_now
    model, x_in = in_float32(canonicalize_on_cpu(logits_fn), x)
    start = jnp.where(
      round_index == 0, x_in, random_start(key, x_in, norm, eps)
    )
    boundary = nearest_boundary(model, labels, norm)
    found = run_fab(model, boundary, x_in, labels, start, norm, _NUM_STEPS)
    return within(eps, x, *found)

  return attack


@functools.cache
def _square(norm: Norm):
  def attack(key, logits_fn, x, labels, x_now, round_index, eps):
    model = canonicalize_on_cpu(logits_fn)
    done, pset = round_index * _STRETCH, ball(norm, eps)
    return resume_square(
      key, model, x, labels, x_now, done, norm, pset, _STRETCH
    )

  return attack


def _ascend(
  key, logits_fn, x, labels, loss: Objective, norm, eps, large, num_draws
) -> Array:
  """One run of APGD; in L1 with large radii, through 3 eps and 2 eps to eps."""
  model = canonicalize_on_cpu(logits_fn)

  def maximize(objective):
    if num_draws == 1:
      return of_model(objective, model, labels)
    return lambda x_adv: jnp.mean(
      jax.lax.map(
        lambda i: objective(model(x_adv, i), labels),
        jnp.arange(num_draws),
      ),
      axis=0,
    )

  final = maximize(losses.prioritize_misclassified(loss))
  # In L2 the authors' code clips to the box after scaling onto the ball.
  pset = l2(eps, exact=False) if norm == "l2" else ball(norm, eps)
  if norm == "l1":
    delta = ascend(key, maximize(loss), final, eps, x, _NUM_STEPS, large)
  else:
    start = pset.project(x, _on_sphere(key, x, norm, eps))
    delta = apgd(key, final, pset, x, num_steps=_NUM_STEPS, start=start).delta
  return pset.apply(x, delta)


def _on_sphere(key: Key, x: Array, norm: Norm, eps: Array) -> Array:
  if norm == "linf":
    draw = jax.random.uniform(key, x.shape, jnp.float32, -1, 1)
  else:
    draw = jax.random.normal(key, x.shape)
  return tree.expand(eps, x) * tree.normalize(draw, norm)


def _draw(key: Key, random_fn, x: Array, number: Array | int = 0) -> Array:
  """One draw of a randomized model, different for each x and number.

  The key of the noise is derived from the bits of the input. A search, which
  has no key for the model, thus meets fresh noise at each new point, and the
  same noise at the same point.
  """
  key = jax.random.fold_in(key, number)
  key = keys_of_images(key, x.reshape(1, -1))[0]
  return random_fn(x, key)
