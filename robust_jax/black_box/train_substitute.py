"""Substitute models, trained on the labels that a victim predicts."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from robust_jax import checks, losses
from robust_jax.black_box.queries import Predict, predicted_labels
from robust_jax.models.inference import inference_fn
from robust_jax.types import Key, Model
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


class Substitute(NamedTuple):
  """A model trained in the victim's place.

  Attributes:
    logits_fn: model to be attacked in place of the victim.
    x: all images that the victim was queried with, `[N, ...]` float32.
    labels: the victim's predictions, int `[N]`.
    queries: N.
  """

  logits_fn: Model
  x: np.ndarray
  labels: np.ndarray
  queries: int


def train_substitute(
  model: nn.Module,
  *,
  num_rounds: int = 6,
  step: float = 0.1,
  period: int = 3,
  reservoir_after: int = 3,
  reservoir_size: int = 400,
  num_epochs: int = 10,
  batch_size: int = 64,
  learning_rate: float = 1e-3,
) -> Callable[[Key, Predict, np.ndarray], Substitute]:
  """Trains a substitute model by Jacobian-based dataset augmentation.

  Each round queries labels, trains on them, and makes new images: it moves
  labeled images along the sign of the substitute's gradient for that label, to
  where its prediction changes fastest.

  Args:
    model: untrained substitute, with as many classes as the victim: `MLP`,
      `MLP(())` for logistic regression, `SmallCNN`, ...
    num_rounds: number of rounds with new images; training happens once more.
    step: length of a move, in input units per coordinate.
    period: number of rounds after which the direction is reversed, and again.
    reservoir_after: number of rounds that double the images; later ones add
      `reservoir_size` of them, drawn uniformly.
    reservoir_size: number of images added by a later round.
    num_epochs: epochs of training in each round.
    batch_size: batch size of training.
    learning_rate: learning rate of Adam.

  Returns:
    `(key, predict, x) -> Substitute`, with x `[N, ...]` the first images, a few
    of each class. The victim is queried once with each image, so the number of
    queries is known in advance: 2,000 for 100 first images. It raises
    ValueError if images or predictions are invalid.

  Source: Papernot et al. 2017, "Practical Black-Box Attacks against Machine
  Learning", algorithm 1; Papernot et al. 2016, "Transferability in Machine
  Learning" (the period of the step and the reservoir).

  Deviation: images are clipped to the box; Adam instead of momentum; each round
  continues with the parameters of the last.

  Example:
    >>> import jax, numpy as np
    >>> from robust_jax.black_box import train_substitute
    >>> from robust_jax.models import MLP
    >>> train = train_substitute(MLP((), num_classes=2), num_rounds=1)
    >>> x = np.random.default_rng(0).random((8, 4), np.float32)
    >>> predict = lambda x: (x[:, 0] < 0.5).astype(int)
    >>> substitute = train(jax.random.key(0), predict, x)
    >>> substitute.queries, substitute.logits_fn(x).shape
    (16, (8, 2))
  """
  checks.at_least_one("period", period)
  checks.at_least_one("batch_size", batch_size)
  optimizer = optax.adam(learning_rate)
  apply = canonicalize_on_cpu(lambda variables, x: model.apply(variables, x))

  @jax.jit
  def fit(key, variables, x, labels, count):
    """Trains on the first `count` rows; the others are not filled yet."""

    def one_step(i, carry):
      variables, opt_state = carry
      rows = jax.random.randint(
        jax.random.fold_in(key, i), (batch_size,), 0, count
      )
      grad = jax.grad(
        lambda v: losses.cross_entropy(apply(v, x[rows]), labels[rows]).mean()
      )(variables)
      change, opt_state = optimizer.update(grad, opt_state)
      return optax.apply_updates(variables, change), opt_state

    num_steps = num_epochs * count // batch_size + 1
    start = (variables, optimizer.init(variables))
    return jax.lax.fori_loop(0, num_steps, one_step, start)[0]

  @jax.jit
  def moved(variables, x, labels, step):
    grad = jax.grad(
      lambda x: -losses.cross_entropy(apply(variables, x), labels).sum()
    )(x)
    return jnp.clip(x + step * jnp.sign(grad), 0, 1)

  def train(key: Key, predict: Predict, x: np.ndarray) -> Substitute:
    checks.images(x)
    key_init, key_rows, *keys = jax.random.split(key, 3 + num_rounds)
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key_rows)))
    sizes = _sizes(len(x), num_rounds, reservoir_after, reservoir_size)
    images = np.zeros((sizes[-1], *x.shape[1:]), np.float32)
    labels = np.zeros(len(images), np.int32)
    images[: len(x)] = x
    labels[: len(x)] = predicted_labels(predict, images[: len(x)])
    variables = model.init(key_init, jnp.asarray(images[:1]))
    variables = fit(keys[0], variables, images, labels, sizes[0])
    for i, (old, new) in enumerate(itertools.pairwise(sizes)):
      signed = step * (-1) ** (i // period)
      candidates = np.asarray(moved(variables, images, labels, signed))
      chosen = generator.choice(old, new - old, replace=False)
      images[old:new] = candidates[chosen]
      labels[old:new] = predicted_labels(predict, images[old:new])
      variables = fit(keys[i + 1], variables, images, labels, new)
    return Substitute(
      inference_fn(model, variables), images, labels, len(images)
    )

  return train


def _sizes(first, num_rounds, reservoir_after, reservoir_size):
  """Number of images before the first and after each round."""
  sizes = [first]
  for i in range(num_rounds):
    added = sizes[-1]
    if i >= reservoir_after:
      added = min(added, reservoir_size)
    sizes.append(sizes[-1] + added)
  return sizes
