"""FreeLB: every step of an ascent on embeddings also trains the model."""

import jax
import jax.numpy as jnp

from robust_jax import checks, metrics, tree
from robust_jax.perturbations.embeddings import (
  at_tokens,
  num_tokens,
  zero_embeddings,
)
from robust_jax.training_losses._common import cross_entropy
from robust_jax.types import (
  Array,
  Batch,
  Forward,
  Key,
  LossOutput,
  PyTree,
  TrainingLoss,
)


def freelb(
  width: int,
  *,
  num_passes: int = 3,
  step_size: float = 0.1,
  init_magnitude: float = 0.0,
  radius: float | None = None,
  fresh_dropout: bool = False,
) -> TrainingLoss:
  """FreeLB: every step of an ascent on embeddings also trains the model.

      per_example = 1/K sum_{t < K} CE(f(x + delta_t), y)
      delta_0     = magnitude / sqrt(N D) U(-1, 1)
      delta_t+1   = project(delta_t + step_size g_t / ||g_t||_F)

  Here g_t is the gradient to delta_t, N the number of tokens of a text and D
  the width of an embedding. delta `[B, T, D]` is added to the embeddings of
  tokens, before positions and normalization, and is 0 at padding. Norms are
  those of all embeddings of a text together.

  One forward and one backward pass gives both gradients of a delta_t, that in
  delta and that in the parameters, so a step costs K passes. For that the
  gradients in the parameters are added up during the ascent, and each entry of
  `per_example` has the gradient of the mean over the real examples of the
  batch: a loss that weighs the entries in another way is not differentiated
  correctly. delta has no gradient.

  All passes use one dropout mask. Under a gradient transform, such as SAM, the
  ascent is repeated at the parameters where the gradient is taken.

  Args:
    width: D, the `width` of the model.
    num_passes: K, the number of forward and backward passes. The authors' code
      for fairseq makes 1 + `adv_steps` of them, that for Hugging Face's
      transformers `adv_steps`: K = 3 is 2 in the former, 3 in the latter.
    step_size: length of a step; `adv_lr` in the authors' code, 0.03 to 0.2.
    init_magnitude: of the random start, whose norm is about 0.58 of it;
      `adv_init_mag`, 0 to 0.64. It is the radius in the paper. Without it the
      first pass is that of standard training.
    radius: largest norm of delta after a step; `adv_max_norm`, 0.14 to 0.7.
      None for no limit, which is 0 there. The start may be longer.
    fresh_dropout: whether each pass draws a dropout mask of its own, as in the
      paper's ablation.

  Returns:
    The loss. Its outputs and model_state are those of the last pass.

  Raises:
    ValueError: an option is negative, or width or num_passes less than 1; the
      loss raises it for inputs that are not texts.

  Source: Zhu et al. 2020, "FreeLB: enhanced adversarial training for natural
  language understanding", algorithm 1, and their code. Deviation: their code
  masks padding in the start only.

  YOPO (Zhang et al. 2019) makes n steps with the gradient to the output of the
  first layer. Here that layer is the sum of embedding and delta, so its n steps
  without a radius are one step of n times the length.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x["delta"].sum(1), {})
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> x = {"tokens": jnp.array([[3, 0]]), "mask": jnp.array([[1, 0]])}
    >>> batch = {"x": x, "y": jnp.array([0]), "mask": jnp.ones(1)}
    >>> loss = training_losses.freelb(2, num_passes=2, step_size=2**0.5)
    >>> out = loss(forward, batch, jax.random.key(0))
    >>> out.outputs.round(2).tolist()  # a step from class 0 to class 1
    [[-1.0, 1.0]]
  """
  checks.at_least_one("width", width)
  checks.at_least_one("num_passes", num_passes)
  checks.non_negative("step_size", step_size)
  checks.non_negative("init_magnitude", init_magnitude)
  if radius is not None:
    checks.non_negative("radius", radius)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    x, y = batch["x"], batch["y"]
    checks.text(x)
    key_start, key_train = jax.random.split(key)
    keys = jnp.broadcast_to(key_train, (num_passes,))
    if fresh_dropout:
      keys = jax.random.split(key_train, num_passes)
    start = _start(key_start, x, width, init_magnitude)

    def mean_loss(delta: Array, key: Key):
      outputs, model_state = forward.train(key, {**x, "delta": delta})
      per_example = cross_entropy(outputs, y)
      total, count = metrics.average(per_example, batch["mask"])
      found = per_example, outputs, model_state
      return total / jnp.maximum(count, 1.0), found

    # The parameters, which `forward` holds, become an argument.
    closed, params = jax.closure_convert(mean_loss, start, keys[0])
    frozen = jax.lax.stop_gradient(params)
    both_gradients = jax.grad(
      lambda delta, params, key: closed(delta, key, *params), (0, 1), True
    )

    def one_pass(carry: tuple[Array, PyTree], key: Key):
      delta, total = carry
      (slope, grads), found = both_gradients(delta, frozen, key)
      delta = _moved(delta, at_tokens(x, slope), step_size, radius)
      return (delta, jax.tree.map(jnp.add, total, grads)), found

    nothing = jax.tree.map(jnp.zeros_like, frozen)
    (_, total), found = jax.lax.scan(one_pass, (start, nothing), keys)
    values = found[0].mean(axis=0)
    grads = jax.tree.map(lambda g: g / num_passes, total)
    outputs, model_state = jax.tree.map(lambda leaf: leaf[-1], found[1:])
    per_example = _with_gradient(values, params, grads)
    return LossOutput(per_example, outputs, {}, model_state)

  return loss


def _with_gradient(values: Array, params: PyTree, grads: PyTree) -> Array:
  """Values `[B]`, each of which has the gradient `grads` in the parameters."""
  fixed = jax.lax.stop_gradient
  # Each difference is 0.
  moves = jax.tree.map(
    lambda w, g: jnp.vdot(fixed(g), w - fixed(w)), params, grads
  )
  return fixed(values) + sum(jax.tree.leaves(moves))


def _start(key: Key, x: PyTree, width: int, magnitude: float) -> Array:
  noise = jax.random.uniform(key, zero_embeddings(x, width).shape, minval=-1.0)
  size = jnp.sqrt(jnp.maximum(width * num_tokens(x), 1.0))
  return at_tokens(x, noise * tree.expand(magnitude / size, noise))


def _moved(
  delta: Array, slope: Array, step_size: float, radius: float | None
) -> Array:
  """delta after a step up the slope, scaled back into the ball."""
  delta = tree.add(delta, step_size, tree.normalize(slope, "l2"))
  if radius is None:
    return delta
  length = tree.norm(delta, "l2")
  inside = radius / jnp.maximum(length, jnp.finfo(jnp.float32).tiny)
  return delta * tree.expand(jnp.minimum(1.0, inside), delta)
