"""What a small network can read off frozen features."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from robust_jax.models.classifiers.mlp import MLP
from robust_jax.probes._probe_data import probe_data

_HIDDEN, _BATCH, _EPOCHS, _PATIENCE = 256, 128, 200, 10
_ADAM = optax.adam(1e-3)


def mlp_probe(
  features: np.ndarray,
  labels: np.ndarray,
  held_out_features: np.ndarray,
  held_out_labels: np.ndarray,
  *,
  most: int = 4000,
  seed: int = 0,
) -> float:
  """Held-out accuracy of a freshly trained network of one hidden layer.

  256 relu units on standardized features, Adam with step 1e-3 on batches of
  128. A fifth of the training examples is kept for early stopping: training
  ends after ten epochs without a lower loss there, 200 at most, and the best
  epoch is judged. Held-out examples choose nothing.

  It reads what a `linear_probe` cannot, such as a class that lies between two
  others; where both are at chance, a code hides its class from simple readers.
  No probe proves that nothing is there.

  Args:
    features: `[N, D]`, frozen, of the examples to train on.
    labels: `[N]` integers. Of one class only, the probe always answers that.
    held_out_features: `[M, D]`.
    held_out_labels: `[M]` integers.
    most: how many examples to train on at most.
    seed: of the draw from more, the start and the order.

  Returns:
    The fraction of held-out examples whose label is answered.

  Raises:
    ValueError: arrays that do not fit, fewer than 5 examples to train on, or
      features that are not finite.
  """
  x, y, held_out_x, held_out_y = probe_data(
    features,
    labels,
    held_out_features,
    held_out_labels,
    most=most,
    seed=seed,
  )
  if len(x) < 5:
    raise ValueError(
      f"{len(x)} examples to train a probe on: expected 5 or more."
    )
  classes, y = np.unique(y, return_inverse=True)
  if len(classes) == 1:
    return float(np.mean(held_out_y == classes[0]))
  rng = np.random.default_rng(seed)
  order = rng.permutation(len(x))
  kept, trained = np.split(order, [len(x) // 5])
  model = MLP((_HIDDEN,), len(classes))
  params = model.init(jax.random.key(seed), x[:1])
  best = _trained(model, params, x, jnp.asarray(y), trained, kept, rng)
  answers = jnp.argmax(_logits(model, best, held_out_x), axis=-1)
  return float(np.mean(classes[np.asarray(answers)] == held_out_y))


def _trained(model, params, x, y, trained, kept, rng):
  """The parameters of the epoch with the smallest loss on `kept`."""
  x, opt_state = jnp.asarray(x), _ADAM.init(params)
  batch = min(_BATCH, len(trained))
  best, smallest, waited = params, np.inf, 0
  for _ in range(_EPOCHS):
    # An incomplete last batch is left out, of another draw in each epoch.
    rows = rng.permutation(trained)[: len(trained) // batch * batch]
    params, opt_state, loss = _epoch(
      model, params, opt_state, x, y, rows.reshape(-1, batch), kept
    )
    if loss < smallest:
      best, smallest, waited = params, loss, 0
    elif (waited := waited + 1) == _PATIENCE:
      break
  return best


@partial(jax.jit, static_argnums=0)
def _epoch(model, params, opt_state, x, y, rows, kept):
  def loss(params, rows):
    return optax.softmax_cross_entropy_with_integer_labels(
      model.apply(params, x[rows]), y[rows]
    ).mean()

  def step(carry, rows):
    params, opt_state = carry
    updates, opt_state = _ADAM.update(jax.grad(loss)(params, rows), opt_state)
    return (optax.apply_updates(params, updates), opt_state), None

  (params, opt_state), _ = jax.lax.scan(step, (params, opt_state), rows)
  return params, opt_state, loss(params, kept)


@partial(jax.jit, static_argnums=0)
def _logits(model, params, x):
  return model.apply(params, x)
