"""MLP probe: a network of one hidden layer on frozen features."""

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
  max_examples: int = 4000,
  seed: int = 0,
) -> float:
  """MLP probe: held-out accuracy of a fresh network of one hidden layer.

  The network has 256 relu units on standardized features and is trained by Adam
  with learning rate 1e-3 on batches of 128. A fifth of the training examples is
  used for early stopping: training ends after ten epochs without a lower loss
  on them, or after 200 epochs, and the best epoch is evaluated. Held-out
  examples are not used for any choice.

  It finds information that a `linear_probe` cannot, such as a class that lies
  between two others. If both are at chance, the class cannot be read from the
  features by simple classifiers; no probe proves that there is no information.

  Args:
    features: frozen features `[N, D]` of the training examples.
    labels: their classes `[N]`, integers. If there is only one class, the probe
      always predicts it.
    held_out_features: frozen features `[M, D]` of held-out examples.
    held_out_labels: their classes `[M]`, integers.
    max_examples: number of training examples to use; of more, a random subset
      is drawn.
    seed: seed of that draw, of the initial values and of the order.

  Returns:
    The fraction of held-out examples that are classified correctly.

  Raises:
    ValueError: arrays do not fit, there are fewer than 5 training examples, or
      features are not finite.

  Example:
    >>> import numpy as np
    >>> from robust_jax.probes.mlp_probe import mlp_probe
    >>> features = np.linspace(-1, 1, 60)[:, None]
    >>> labels = (abs(features[:, 0]) < 0.5).astype(int)  # between the others
    >>> mlp_probe(features, labels, features, labels) > 0.9
    True
  """
  x, y, held_out_x, held_out_y = probe_data(
    features,
    labels,
    held_out_features,
    held_out_labels,
    max_examples=max_examples,
    seed=seed,
  )
  if len(x) < 5:
    raise ValueError(
      f"{len(x)} training examples for a probe: expected 5 or more."
    )
  classes, y = np.unique(y, return_inverse=True)
  if len(classes) == 1:
    return float(np.mean(held_out_y == classes[0]))
  rng = np.random.default_rng(seed)
  order = rng.permutation(len(x))
  validation, training = np.split(order, [len(x) // 5])
  model = MLP((_HIDDEN,), len(classes))
  params = model.init(jax.random.key(seed), x[:1])
  best = _train(model, params, x, jnp.asarray(y), training, validation, rng)
  predictions = jnp.argmax(_logits(model, best, held_out_x), axis=-1)
  return float(np.mean(classes[np.asarray(predictions)] == held_out_y))


def _train(model, params, x, y, training, validation, rng):
  """Returns the parameters of the epoch with the smallest validation loss."""
  x, opt_state = jnp.asarray(x), _ADAM.init(params)
  batch = min(_BATCH, len(training))
  best, smallest, waited = params, np.inf, 0
  for _ in range(_EPOCHS):
    # An incomplete last batch is dropped; it differs from epoch to epoch.
    rows = rng.permutation(training)[: len(training) // batch * batch]
    params, opt_state, loss = _epoch(
      model, params, opt_state, x, y, rows.reshape(-1, batch), validation
    )
    if loss < smallest:
      best, smallest, waited = params, loss, 0
    elif (waited := waited + 1) == _PATIENCE:
      break
  return best


@partial(jax.jit, static_argnums=0)
def _epoch(model, params, opt_state, x, y, rows, validation):
  def loss(params, rows):
    return optax.softmax_cross_entropy_with_integer_labels(
      model.apply(params, x[rows]), y[rows]
    ).mean()

  def step(carry, rows):
    params, opt_state = carry
    updates, opt_state = _ADAM.update(jax.grad(loss)(params, rows), opt_state)
    return (optax.apply_updates(params, updates), opt_state), None

  (params, opt_state), _ = jax.lax.scan(step, (params, opt_state), rows)
  return params, opt_state, loss(params, validation)


@partial(jax.jit, static_argnums=0)
def _logits(model, params, x):
  return model.apply(params, x)
