"""A model of one's own in the victim's image, from its labels alone."""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from robust_jax import checks, losses
from robust_jax.black_box.queries import Predict, labels_of
from robust_jax.models.inference import inference_fn
from robust_jax.types import Key, Model
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu


class Substitute(NamedTuple):
  """What stands in for the victim.

  Attributes:
    logits_fn: to be attacked in its place.
    x: every image that the victim was asked about, `[N, ...]` float32.
    labels: its answers, int `[N]`.
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
  """Asks for labels, trains on them, and makes new images to ask about.

  Each round moves images that the victim has labeled along the sign of the
  substitute's gradient for that label, to where its answer changes fastest.

  Args:
    model: the substitute, untrained: `MLP`, `MLP(())` for logistic regression,
      `SmallCNN`, ... with as many classes as the victim.
    num_rounds: of new images; training happens once more than that.
    step: how far an image is moved, in input units per coordinate.
    period: rounds after which the direction is reversed, and back again.
    reservoir_after: rounds that double the images; later ones add
      `reservoir_size` of them, drawn evenly.
    reservoir_size: images added by a later round.
    num_epochs: of training in each round.
    batch_size: of training.
    learning_rate: Adam's.

  Returns:
    `(key, predict, x) -> Substitute`, x `[N, ...]` the first images, a few of
    each class. Every image is asked about once, so the number of queries is
    known beforehand: 2,000 of 100 first images. It raises ValueError on images
    or answers that cannot be meant.

  Source: Papernot et al. 2017, "Practical Black-Box Attacks against Machine
  Learning", algorithm 1; Papernot et al. 2016, "Transferability in Machine
  Learning" (the period of the step and the reservoir).
  Deviations: images are cut to the box; Adam instead of momentum; the
  parameters of one round are where the next begins.
  """
  checks.at_least_one("period", period)
  checks.at_least_one("batch_size", batch_size)
  optimizer = optax.adam(learning_rate)
  apply = canonicalize_on_cpu(lambda variables, x: model.apply(variables, x))

  @jax.jit
  def fit(key, variables, x, labels, count):
    """Trains on the first `count` rows; the others are not there yet."""

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
    labels[: len(x)] = labels_of(predict, images[: len(x)])
    variables = model.init(key_init, jnp.asarray(images[:1]))
    variables = fit(keys[0], variables, images, labels, sizes[0])
    for i, (old, new) in enumerate(itertools.pairwise(sizes)):
      signed = step * (-1) ** (i // period)
      candidates = np.asarray(moved(variables, images, labels, signed))
      chosen = generator.choice(old, new - old, replace=False)
      images[old:new] = candidates[chosen]
      labels[old:new] = labels_of(predict, images[old:new])
      variables = fit(keys[i + 1], variables, images, labels, new)
    return Substitute(
      inference_fn(model, variables), images, labels, len(images)
    )

  return train


def _sizes(first, num_rounds, reservoir_after, reservoir_size):
  """How many images there are before and after each round."""
  sizes = [first]
  for i in range(num_rounds):
    added = sizes[-1]
    if i >= reservoir_after:
      added = min(added, reservoir_size)
    sizes.append(sizes[-1] + added)
  return sizes
