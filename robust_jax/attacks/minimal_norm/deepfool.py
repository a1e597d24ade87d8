"""DeepFool: iterative projection onto linearized decision boundaries."""

import jax
import jax.numpy as jnp

from robust_jax import checks, tree
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._targets import make_target
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
  """DeepFool: repeated projection onto the nearest linearized boundary.

  Each example stops at its first success; once all have stopped, the remaining
  steps cost nothing. For an affine model, away from the box, one step is
  optimal except for the overshoot. DeepFool ignores the total distance, so it
  is fast rather than accurate.

  Args:
    norm: "linf" or "l2".
    num_steps: largest number of linearizations.
    num_candidates: number of boundaries considered, to the classes that are
      nearest for the clean image; all of them if there are fewer.
    overshoot: length of the step beyond the boundary, relative to the
      perturbation.
    targeted: whether the labels are target classes; each step then moves to the
      boundary between the target and the strongest other class.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, deterministic; x itself where the
    attack fails, or x is adversarial already. It makes at most `num_steps + 2`
    forward passes and `num_steps * num_candidates` backward passes (one per
    step if targeted).

  Raises:
    ValueError: the norm is not "linf" or "l2", or num_steps or num_candidates
      is not a whole number, 1 or more.

  Source: Moosavi-Dezfooli et al. 2016, "DeepFool", algorithm 2, and section 3.3
  for other norms.

  Deviation: each iterate is clipped to the box; `overshoot` applies to the
  iterates, as in the authors' code; the targeted form; an image where the
  margin has no gradient starts slightly displaced.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import deepfool
    >>> x, y = jnp.array([[0.7, 0.3]]), jnp.array([0])
    >>> x_adv = deepfool("l2")(jax.random.key(0), lambda x: x, x, y)
    >>> print(f"{jnp.linalg.norm(x_adv - x):.2f}")  # 0.4 / sqrt(2) and 2 %
    0.29
  """
  checks.norm(norm, ("linf", "l2"))
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("num_candidates", num_candidates)

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    del key
    target = make_target(logits_fn, x, labels, targeted)
    best = minimal.initial_best(target)
    candidates = target.nearest_classes(target.clean_logits, num_candidates)

    def step(carry):
      delta, best = carry
      x_adv = target.to_image(target.x + (1 + overshoot) * delta)
      x_adv = x_adv.astype(jnp.float32)
      if targeted:
        margin, logits, grad = minimal.margin_and_gradient(target, x_adv)
        move = _to_plane(margin, grad, norm)
      else:
        logits, move = _to_nearest_plane(target, candidates, x_adv, norm)
      best = minimal.update_best(best, target, x_adv, logits, norm)
      return tree.where(jnp.isfinite(best.distance), delta, delta + move), best

    def unless_all_done(_, carry):
      done = jnp.isfinite(carry[1].distance).all()
      return jax.lax.cond(done, lambda carry: carry, step, carry)

    start = minimal.start_with_gradient(
      lambda x: minimal.margin_and_gradient(target, x)[2], target.x
    )
    carry = (start - target.x, best)
    delta, best = jax.lax.fori_loop(0, num_steps, unless_all_done, carry)
    last = target.to_image(target.x + (1 + overshoot) * delta).astype(
      jnp.float32
    )
    best = minimal.update_best(best, target, last, target.logits(last), norm)
    return minimal.result(target, best)

  return attack


def _to_nearest_plane(target, candidates, x_adv, norm):
  """The logits, and the shortest of the steps to the candidates' boundaries."""
  logits, pullback = jax.vjp(target.logits, x_adv)
  own = jax.nn.one_hot(target.labels, logits.shape[-1])

  def consider(i, carry):
    shortest, move = carry
    direction = jax.nn.one_hot(candidates[:, i], logits.shape[-1]) - own
    margin = jnp.where(direction != 0, logits * direction, 0.0).sum(axis=-1)
    margin = margin - 2 * target.margin_tolerance(logits)
    (grad,) = pullback(direction)
    candidate = _to_plane(margin, tree.finite(grad), norm)
    length = tree.norm(candidate, norm)
    # Without a gradient the boundary is infinitely far.
    length = jnp.where(length > 0, length, jnp.inf)
    nearer = length < shortest
    return jnp.where(nearer, length, shortest), tree.where(
      nearer, candidate, move
    )

  start = (jnp.full(len(x_adv), jnp.inf), jnp.zeros_like(x_adv))
  return logits, jax.lax.fori_loop(0, candidates.shape[1], consider, start)[1]


def _to_plane(margin: Array, grad: Array, norm: Norm) -> Array:
  """The shortest step to where the linearized margin is 0, if any."""
  slope = tree.norm(grad, tree.DUALS[norm])
  length = jnp.maximum(-margin, 0.0) / jnp.where(slope > 0, slope, jnp.inf)
  unit = jnp.sign(grad) if norm == "linf" else tree.normalize(grad, norm)
  return tree.expand(length, grad) * unit
