"""FGSM with gradient alignment (GradAlign): one-step training kept linear."""

import jax
import jax.numpy as jnp

from robust_jax import checks, metrics, tree
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

# Of gradients with an angle: squares of much smaller ones underflow, and cross-
# entropy rounds to a constant long before.
_SMALLEST = 1e-12


def grad_align(eps: float, *, weight: float = 0.2) -> TrainingLoss:
  """FGSM with gradient alignment (GradAlign): one-step training kept linear.

      per_example = CE(f(x_adv), y) + weight (1 - cos(g(x), g(x + u)))
      x_adv       = clip(x + eps sign(g(x)), 0, 1)
      g(x)        = gradient of CE(f(x), y) in x
      u uniform in [-eps, eps]

  Catastrophic overfitting of FGSM comes with gradients that turn within the
  ball; the second term keeps them parallel. All three passes are training
  passes, whose BatchNorm statistics are kept one after the other. Examples
  with a gradient of 0, or of 1e-12 at most, where float32 has no angle, have no
  second term.

  Args:
    eps: radius in input units; the step has full length.
    weight: of the alignment. The authors take 0.027, 0.063, 0.2 and 2.0 for
      radii of 1, 4, 8 and 16/255 on CIFAR-10.

  Returns:
    The loss. Its outputs are the logits on x_adv; it reports "cosine".

  Raises:
    ValueError: eps or weight is negative.

  Source: Andriushchenko and Flammarion 2020, "Understanding and improving fast
  adversarial training". Deviation: parameters are differentiated through both
  gradients, as the paper's formula has it; the authors' code holds g(x) fixed.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax import training_losses
    >>> from robust_jax.types import Forward
    >>> train = lambda key, x, model_state=None: (x, {})  # logits are x
    >>> forward = Forward(train, inference=lambda x: x, step=0)
    >>> batch = {"x": jnp.array([[0.0, 0.0]]), "y": jnp.array([1])}
    >>> batch["mask"] = jnp.ones(1)
    >>> loss = training_losses.grad_align(0.25)
    >>> out = loss(forward, batch, jax.random.key(0))
    >>> out.outputs.tolist()  # logits are x_adv
    [[0.25, 0.0]]
  """
  checks.non_negative("eps", eps)
  checks.non_negative("weight", weight)

  def loss(forward: Forward, batch: Batch, key: Key) -> LossOutput:
    key_noise, *keys = jax.random.split(key, 4)
    x, y = batch["x"], batch["y"]

    def slope(key: Key, x: Array, state: PyTree) -> tuple[Array, PyTree]:
      def total(x: Array) -> tuple[Array, PyTree]:
        logits, state_after = forward.train(key, x, state)
        return cross_entropy(logits, y).sum(), state_after

      return jax.grad(total, has_aux=True)(x)

    clean, model_state = slope(keys[0], x, None)
    step = eps * jnp.sign(jax.lax.stop_gradient(clean))
    x_adv = jnp.clip(x + step, 0.0, 1.0)
    logits, model_state = forward.train(keys[1], x_adv, model_state)
    noise = jax.random.uniform(key_noise, x.shape, x.dtype, -eps, eps)
    noisy, model_state = slope(keys[2], x + noise, model_state)
    cosine = _cosine(clean, noisy)
    per_example = cross_entropy(logits, y) + weight * (1 - cosine)
    report = {"cosine": metrics.average(cosine, batch["mask"])}
    return LossOutput(per_example, logits, report, model_state)

  return loss


def _cosine(a: Array, b: Array) -> Array:
  """`[B]`; 1 where one of them is nearly 0, with gradients of 0."""
  defined = jnp.minimum(tree.norm(a, "linf"), tree.norm(b, "linf")) > _SMALLEST
  # Ones have an angle of 0, and no division by 0 to be differentiated.
  a, b = (tree.where(defined, v, jnp.ones_like(v)) for v in (a, b))
  return tree.dot(tree.normalize(a, "l2"), tree.normalize(b, "l2"))
