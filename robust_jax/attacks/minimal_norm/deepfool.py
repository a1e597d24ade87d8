"""DeepFool: to the boundary of the model linearized at each step."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._targets import target_of
from robust_jax.attacks.standalone import standalone
from robust_jax.types import Array, Attack, Key, Model, Norm


def deepfool(
  norm: Norm = "l2",
  *,
  num_steps: int = 50,
  num_candidates: int = 9,
  overshoot: Array | float = 0.02,
  targeted: bool = False,
) -> Attack:
  """Projects onto the nearest boundary of the linearized model, repeatedly.

  Each example stops at its first hit; once all have stopped, the steps left
  cost nothing. On an affine model, away from the box, one step is the optimum
  but for the overshoot. It ignores the distance on the way, so it is fast
  rather than near.

  Args:
    norm: "linf" or "l2".
    num_steps: linearizations at most.
    num_candidates: boundaries considered: those to the classes that the clean
      image comes nearest to being answered as. All, if there are fewer.
    overshoot: how far beyond the boundary, relative to the perturbation.
    targeted: the labels are those that the adversary wants; each step then
      goes to the boundary between that label and the strongest other one.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, deterministic; x itself where the
    goal is not reached, or already is. At most `num_steps` forward passes and
    two more, and `num_steps * num_candidates` backward (one per step if
    targeted).

  Raises:
    ValueError: another norm, no steps or no rivals.

  Source: Moosavi-Dezfooli et al. 2016, "DeepFool", algorithm 2, and section
  3.3 for other norms. Deviations: each iterate is cut to the box; `overshoot`
  is in the iterates, as in the authors' code; the targeted form; an image where
  the margin has no gradient starts a little off.
  """
  checks.norm(norm, ("linf", "l2"))
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_candidates", num_candidates)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    del key
    goal = target_of(logits_fn, x, labels, targeted)
    best = minimal.clean(goal)
    rivals = goal.nearest_classes(goal.clean_logits, num_candidates)

    def step(carry):
      delta, best = carry
      x_adv = goal.returned(goal.x + (1 + overshoot) * delta)
      x_adv = x_adv.astype(jnp.float32)
      if targeted:
        margin, logits, grad = minimal.ascend_margin(goal, x_adv)
        move = _to_plane(margin, grad, norm)
      else:
        logits, move = _to_nearest_plane(goal, rivals, x_adv, norm)
      best = minimal.update_best(best, goal, x_adv, logits, norm)
      return tree.where(jnp.isfinite(best.distance), delta, delta + move), best

    def unless_all_hit(_, carry):
      done = jnp.isfinite(carry[1].distance).all()
      return jax.lax.cond(done, lambda carry: carry, step, carry)

    start = minimal.with_gradient(
      lambda x: minimal.ascend_margin(goal, x)[2], goal.x
    )
    carry = (start - goal.x, best)
    delta, best = jax.lax.fori_loop(0, num_steps, unless_all_hit, carry)
    last = goal.returned(goal.x + (1 + overshoot) * delta).astype(jnp.float32)
    best = minimal.update_best(best, goal, last, goal.logits(last), norm)
    return minimal.returned(goal, best)

  return attack


def _to_nearest_plane(goal, rivals, x_adv, norm):
  """The logits, and the shortest of the moves to each rival's boundary."""
  logits, pullback = jax.vjp(goal.logits, x_adv)
  own = jax.nn.one_hot(goal.labels, logits.shape[-1])

  def consider(i, carry):
    shortest, move = carry
    towards = jax.nn.one_hot(rivals[:, i], logits.shape[-1]) - own
    margin = jnp.where(towards != 0, logits * towards, 0.0).sum(axis=-1)
    margin = margin - 2 * goal.clearance(logits)
    (grad,) = pullback(towards)
    candidate = _to_plane(margin, tree.finite(grad), norm)
    length = tree.norm(candidate, norm)
    # A boundary that the gradient does not lead to is infinitely far.
    length = jnp.where(length > 0, length, jnp.inf)
    nearer = length < shortest
    return jnp.where(nearer, length, shortest), tree.where(
      nearer, candidate, move
    )

  start = (jnp.full(len(x_adv), jnp.inf), jnp.zeros_like(x_adv))
  return logits, jax.lax.fori_loop(0, rivals.shape[1], consider, start)[1]


def _to_plane(margin: Array, grad: Array, norm: Norm) -> Array:
  """The shortest move to where the linearized margin is 0, or no gradient."""
  slope = tree.norm(grad, tree.DUALS[norm])
  length = jnp.maximum(-margin, 0.0) / jnp.where(slope > 0, slope, jnp.inf)
  unit = jnp.sign(grad) if norm == "linf" else tree.normalize(grad, norm)
  return tree.expand(length, grad) * unit
