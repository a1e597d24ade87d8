"""Fast Adaptive Boundary (FAB) attack: steps along the decision boundary."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax import checks, losses, tree
from robust_jax.attacks.minimal_norm import best_adversarial as minimal
from robust_jax.attacks.minimal_norm._hyperplane import to_hyperplane
from robust_jax.attacks.standalone import standalone
from robust_jax.types import Array, Attack, Key, Model, Norm
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu
from robust_jax.xla_cpu.materialize import materialize
from robust_jax.xla_cpu.reductions import row_sum

# As in the paper: largest weight of the original, overshoot, step back.
_PULL, _OVERSHOOT, _BACK = 0.1, 1.05, 0.9


def fab(
  norm: Norm,
  *,
  eps: Array | float = jnp.inf,
  num_steps: int = 100,
  num_targets: int = 9,
  restarts: int = 1,
) -> Attack:
  """Fast Adaptive Boundary (FAB) attack: minimal perturbations in an Lp norm.

  Each step linearizes the decision boundary, projects the current point and the
  original onto it within the box, and moves to a weighted mean of the two
  projections. A misclassified point takes a step back towards the original.

  Args:
    norm: "linf", "l2" or "l1".
    eps: results farther away are discarded; it also scales the random starts.
    num_steps: number of steps per restart and target.
    num_targets: number of target classes of FAB-T, those with the largest clean
      logits, attacked one after the other with one backward pass per step. 0
      stands for FAB: the nearest boundary of all classes, with a backward pass
      per class.
    restarts: number of starts. The first is the original; the others are random
      within half of eps.

  Returns:
    `(key, logits_fn, x, labels) -> x_adv`, the original where the attack fails
    or the original is misclassified.

  Raises:
    ValueError: the norm is unknown, num_steps or restarts is not a whole
      number, 1 or more, or random starts have no finite eps.

  Source: Croce and Hein 2020, "Minimally distorted Adversarial Examples with a
  Fast Adaptive Boundary Attack"; FAB-T: Croce and Hein 2020 (AutoAttack).
  Without the final search along the segment, as in AutoAttack.

  Deviation: a start without a gradient is slightly displaced.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.attacks import fab
    >>> x, y = jnp.array([[0.7, 0.3]]), jnp.array([0])
    >>> x_adv = fab("l2", num_steps=5)(jax.random.key(0), lambda x: x, x, y)
    >>> print(f"{jnp.linalg.norm(x_adv - x):.2f}")  # 0.4 / sqrt(2)
    0.28
  """
  checks.norm(norm, tree.ORDERS)
  checks.at_least_one("num_steps", num_steps)
  checks.at_least_one("restarts", restarts)
  if restarts > 1 and not isinstance(eps, jax.core.Tracer) and jnp.isinf(eps):
    raise ValueError(
      "restarts need a finite eps, which scales their random starts."
    )

  @standalone
  def attack(key: Key, logits_fn: Model, x: Array, labels: Array) -> Array:
    model, x_in = in_float32(canonicalize_on_cpu(logits_fn), x)
    num_classes = jax.eval_shape(logits_fn, x).shape[1]
    ranks = min(num_targets, num_classes - 1) or 1

    def run(i, best):
      restart = i // ranks
      start = x_in
      if restarts > 1:
        start = random_start(jax.random.fold_in(key, i), x_in, norm, eps)
        start = jnp.where(restart == 0, x_in, start)
      boundary = nearest_boundary(model, labels, norm)
      if num_targets:
        boundary = boundary_to_rank(model, x_in, labels, 1 + i % ranks)
      found = run_fab(model, boundary, x_in, labels, start, norm, num_steps)
      return tree.where(found[1] < best[1], found, best)

    none = (
      x_in,
      jnp.where(is_misclassified(model(x_in), labels), 0.0, jnp.inf),
    )
    found = jax.lax.fori_loop(0, restarts * ranks, run, none)
    return jax.lax.stop_gradient(within(eps, x, *found))

  return attack


def in_float32(model: Model, x: Array) -> tuple[Model, Array]:
  """Returns a model of float32 images that rounds them to x's dtype, and x.

  In half precision the steps along the boundary would be lost in rounding.
  """

  def rounding(x_adv):
    return model(tree.rounded_towards(x, x_adv)).astype(jnp.float32)

  return rounding, x.astype(jnp.float32)


def within(eps: Array | float, x: Array, x_adv: Array, length: Array) -> Array:
  """x_adv, in x's dtype, where its distance is at most eps, x elsewhere."""
  return tree.rounded_towards(x, tree.where(length <= eps, x_adv, x))


def run_fab(
  model: Model,
  boundary: Callable[[Array], tuple[Array, Array]],
  x: Array,
  labels: Array,
  start: Array,
  norm: Norm,
  num_steps: int,
) -> tuple[Array, Array]:
  """One run of FAB.

  Args:
    model: the model.
    boundary: x' -> the difference of logits `[B]`, which is 0 on the boundary
      and negative before it, and its gradient `[B, ...]`.
    x: clean images `[B, ...]`.
    labels: labels `[B]`.
    start: starting points `[B, ...]`.
    norm: norm of the distance.
    num_steps: number of steps.

  Returns:
    The nearest misclassified point and its distance `[B]`; x and inf where none
    was found.
  """
  flat = x.reshape(x.shape[0], -1)

  def finite_boundary(x_now):
    difference, grad = boundary(x_now)
    return difference, tree.finite(grad)

  def step(_, carry):
    x_now, best = carry
    difference, grad = finite_boundary(x_now)
    w = materialize(grad.reshape(flat.shape))
    now = x_now.reshape(flat.shape)
    from_x = row_sum(w * (now - flat)) - difference
    points, gaps = jnp.stack([now, flat]), jnp.stack([-difference, from_x])
    d_now, d_x = both = to_hyperplane(points, w, gaps, norm)
    lengths = jax.vmap(lambda d: tree.norm(d, norm))(both)
    length_now, length_x = jnp.maximum(lengths, 1e-8)
    pull = jnp.minimum(length_now / (length_now + length_x), _PULL)[:, None]
    mixed = (now + _OVERSHOOT * d_now) * (1 - pull)
    mixed = mixed + (flat + _OVERSHOOT * d_x) * pull
    x_new = jnp.clip(mixed, 0, 1).reshape(x.shape)
    wrong = is_misclassified(model(x_new), labels)
    length = tree.norm(x_new - x, norm)
    better = wrong & (length < best[1])
    best = tree.where(better, (x_new, length), best)
    back = x + _BACK * (x_new - x)
    return tree.where(wrong, back, x_new), best

  none = (x, jnp.full(x.shape[:1], jnp.inf))
  start = minimal.start_with_gradient(lambda x: finite_boundary(x)[1], start)
  return jax.lax.fori_loop(0, num_steps, step, (start, none))[1]


def is_misclassified(logits: Array, labels: Array) -> Array:
  """`[B]`, whether another class is predicted; False for NaN."""
  wrong = logits.argmax(axis=-1) != labels
  return wrong & jnp.isfinite(logits.max(axis=-1))


def boundary_to_rank(
  model: Model, x: Array, labels: Array, rank: Array | int
) -> Callable[[Array], tuple[Array, Array]]:
  """The boundary to the class with the `rank`-th largest clean logit."""
  target = class_of_rank(model(x), rank)

  def boundary(x_now):
    logits, pull_back = jax.vjp(model, x_now)
    direction = _one_hot(target, logits) - _one_hot(labels, logits)
    difference = losses.logit_difference(target)(logits, labels)
    return difference, pull_back(direction)[0]

  return boundary


def nearest_boundary(
  model: Model, labels: Array, norm: Norm
) -> Callable[[Array], tuple[Array, Array]]:
  """The nearest of the linearized boundaries to all other classes."""

  def boundary(x_now):
    logits, pull_back = jax.vjp(model, x_now)
    own = _one_hot(labels, logits)

    def nearer(target, best):
      other = jnp.full_like(labels, target)
      difference = losses.logit_difference(other)(logits, labels)
      grad = pull_back(_one_hot(other, logits) - own)[0]
      slope = tree.norm(grad, tree.DUALS[norm])
      reachable = (labels != target) & (slope > 0)
      distance = jnp.abs(difference) / jnp.where(reachable, slope, 1.0)
      distance = jnp.where(reachable, distance, jnp.inf)
      found = (distance, difference, grad)
      return tree.where(distance < best[0], found, best)

    far = jnp.full(labels.shape, jnp.inf)
    none = (far, jnp.zeros(labels.shape), jnp.zeros(x_now.shape))
    return jax.lax.fori_loop(0, logits.shape[1], nearer, none)[1:]

  return boundary


def class_of_rank(logits: Array, rank: Array | int) -> Array:
  """The class with the `rank`-th largest logit, `[B]`; 0 is the prediction."""
  order = jnp.argsort(logits, axis=-1, descending=True)
  return jax.lax.dynamic_index_in_dim(order, rank, 1, keepdims=False)


def random_start(key: Key, x: Array, norm: Norm, eps: Array | float) -> Array:
  """A random point at half of eps from x, clipped to the box."""
  draw = jax.random.uniform(key, x.shape, jnp.float32, -1, 1)
  if norm != "linf":
    draw = jax.random.normal(key, x.shape)
  draw = tree.normalize(draw, norm)
  return jnp.clip(x + 0.5 * tree.expand(eps, x) * draw, 0, 1)


def _one_hot(labels: Array, logits: Array) -> Array:
  return jax.nn.one_hot(labels, logits.shape[1], dtype=logits.dtype)
