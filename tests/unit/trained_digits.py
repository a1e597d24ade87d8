"""A small network on the embedded digits, trained in a second."""

import functools

import jax
import numpy as np
import optax

from robust_jax.data.load import load
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.inference import inference_fn

NET = MLP(features=(64,))


@functools.cache
def digits(split):
  """Images float32 and labels of the whole split."""
  dataset = load("digits", split)
  batch = dataset.decode(dataset.read(np.arange(len(dataset))))
  return batch["x"], batch["y"]


def accuracy(logits_fn, x, y):
  return float((jax.jit(logits_fn)(x).argmax(-1) == y).mean())


def mlp(key, loss=None, steps=300):
  """Trained by `loss`, (logits, labels) -> `[B]`, on all digits at once."""
  loss = loss or optax.softmax_cross_entropy_with_integer_labels
  x, y = digits("train")
  optimizer = optax.adam(1e-2)

  @jax.jit
  def run(params):
    def step(_, carry):
      params, state = carry
      mean = lambda p: loss(NET.apply(p, x), y).mean()
      updates, state = optimizer.update(jax.grad(mean)(params), state)
      return optax.apply_updates(params, updates), state

    start = params, optimizer.init(params)
    return jax.lax.fori_loop(0, steps, step, start)[0]

  return inference_fn(NET, run(NET.init(key, x[:1])))
