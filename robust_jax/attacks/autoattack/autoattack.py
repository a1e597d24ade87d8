"""AutoAttack: four parameter-free attacks, each on what the others left."""

import functools
import pathlib

import jax
import jax.numpy as jnp

from robust_jax import losses, tree
from robust_jax.attacks.autoattack import suite
from robust_jax.attacks.autoattack.apgd_l1 import ascend
from robust_jax.attacks.autoattack.square import resume_square
from robust_jax.attacks.autoattack.suite import Stage
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
  """The ensemble that robustness is reported under.

  standard: APGD on the cross-entropy, targeted APGD, targeted FAB, Square.
  plus: with restarts, and with APGD on the DLR loss and untargeted FAB. rand:
  for a randomized model, APGD on both losses with gradients averaged over 20
  draws. For what each stage found, `suite.run(stages(...), ...)`.

  Args:
    norm: "linf", "l2" or "l1".
    eps: radius in input units, a float or `[N]`, one per example.
    version: "standard", "plus" or "rand".
    batch_size: of the compiled programs.
    save_to: `.npz` file to go on from after an interruption. That of another
      run, with another radius, model, key or anything else, is refused.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, not to be jitted: between stages it
    packs the survivors on the host. x is `[N, H, W, C]`, for Square. For
    "rand" it may be `[N, ...]`, and `logits_fn` is a function
    `(x, key) -> logits`.

  Raises:
    ValueError: an unknown norm or version, or a negative eps; and what
      `standalone` and `suite.run` refuse.

  Source: Croce and Hein 2020, "Reliable evaluation of adversarial robustness
  with an ensemble of diverse parameter-free attacks"; for L1 Croce and Hein
  2021, "Mind the box"; settings as in the authors' code. Deviations: below four
  classes the targeted loss is a difference of two logits, below three DLR is
  the margin, and the stage's name says so; Square draws for each image.
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
  """The stages of a version, in order, for `suite.run`.

  Args:
    norm: "linf", "l2" or "l1".
    eps: radius in input units; a float or `[N]`, one per example.
    version: "standard", "plus" or "rand".
    num_classes: that the model answers.

  Raises:
    ValueError: an unknown version.
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


# Each of these makes one function for one choice of static options, the same
# one every time, so that what was compiled for it is found again.


@functools.cache
def _apgd(norm: Norm, loss: str, large: bool, num_draws: int):
  def attack(key, logits_fn, x, labels, x_now, turn, eps):
    del x_now, turn
    objective = getattr(losses, loss)
    return _ascend(
      key, logits_fn, x, labels, objective, norm, eps, large, num_draws
    )

  return attack


@functools.cache
def _apgd_towards(norm: Norm, has_dlr: bool, large: bool):
  def attack(key, logits_fn, x, labels, x_now, turn, eps):
    del x_now
    target = class_of_rank(logits_fn(x), 1 + turn)
    make = losses.targeted_dlr if has_dlr else losses.logit_difference
    return _ascend(key, logits_fn, x, labels, make(target), norm, eps, large, 1)

  return attack


@functools.cache
def _fab_towards(norm: Norm):
  def attack(key, logits_fn, x, labels, x_now, turn, eps):
    del key, x_now
    model, x_in = in_float32(canonicalize_on_cpu(logits_fn), x)
    boundary = boundary_to_rank(model, x_in, labels, 1 + turn)
    found = run_fab(model, boundary, x_in, labels, x_in, norm, _NUM_STEPS)
    return within(eps, x, *found)

  return attack


@functools.cache
def _fab(norm: Norm):
  def attack(key, logits_fn, x, labels, x_now, turn, eps):
    del x_now
    model, x_in = in_float32(canonicalize_on_cpu(logits_fn), x)
    start = jnp.where(turn == 0, x_in, random_start(key, x_in, norm, eps))
    boundary = nearest_boundary(model, labels, norm)
    found = run_fab(model, boundary, x_in, labels, start, norm, _NUM_STEPS)
    return within(eps, x, *found)

  return attack


@functools.cache
def _square(norm: Norm):
  def attack(key, logits_fn, x, labels, x_now, turn, eps):
    model = canonicalize_on_cpu(logits_fn)
    done, pset = turn * _STRETCH, ball(norm, eps)
    return resume_square(
      key, model, x, labels, x_now, done, norm, pset, _STRETCH
    )

  return attack


def _ascend(
  key, logits_fn, x, labels, loss: Objective, norm, eps, large, num_draws
) -> Array:
  """One run of APGD; with large radii, through 3 and 2 eps to eps in L1."""
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
  # In L2 the authors cut to the box after they have scaled onto the ball.
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
  """One draw of a randomized model, another one for every x and number.

  The noise depends on the input's bits, so that a search that knows of no key
  meets fresh noise at every point and the same at the same.
  """
  key = jax.random.fold_in(key, number)
  key = keys_of_images(key, x.reshape(1, -1))[0]
  return random_fn(x, key)
