"""A tiny network and tiny batches, of which tasks make their examples."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from robust_jax.models.layers import batch_norm
from robust_jax.models.text.text_transformer import TextTransformer
from robust_jax.types import Array, Batch, Task

NUM_CLASSES = 3
IMAGE_SHAPE = (4, 4, 1)


class Example(NamedTuple):
  """A tiny instance of a task, for the contract tests of all tasks.

  Attributes:
    task: the task, which takes milliseconds to train.
    batch: a batch for its steps and, with labels, for its evaluation.
  """

  task: Task
  batch: Batch


class TinyNet(nn.Module):
  """A tiny classifier with `features`, BatchNorm among them, and a `head`."""

  def setup(self):
    self.last = nn.Dense(NUM_CLASSES)

  def __call__(self, x: Array, *, train: bool = False) -> Array:
    return self.head(self.features(x, train=train), train=train)

  def head(self, h: Array, *, train: bool = False) -> Array:
    del train
    return self.last(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    x = nn.Dense(8)(x.reshape(len(x), -1))
    return nn.relu(batch_norm("per_device", train=train, name="bn")(x))


def example_batch(num_examples: int = 8) -> Batch:
  """Random images with random classes, without padding."""
  keys = jax.random.split(jax.random.key(0))
  return {
    "x": jax.random.uniform(keys[0], (num_examples, *IMAGE_SHAPE)),
    "y": jax.random.randint(keys[1], (num_examples,), 0, NUM_CLASSES),
    "mask": jnp.ones(num_examples),
  }


def example_domains(num_examples: int = 8) -> Batch:
  """`example_batch` as the source, and its negatives as the target."""
  rows = dict(example_batch(num_examples))
  number = lambda n: {"domain": jnp.full(num_examples, n)}
  return {
    "source": rows | number(0),
    "target": rows | {"x": 1 - rows["x"]} | number(1),
  }


def example_encoder() -> TextTransformer:
  """A tiny encoder of texts like `example_texts`."""
  return TextTransformer(
    vocabulary_size=12, width=8, depth=1, num_heads=2, max_length=10
  )


def example_texts(num_examples: int = 8) -> Batch:
  """Random texts of six to ten tokens."""
  keys = jax.random.split(jax.random.key(0))
  lengths = jax.random.randint(keys[0], (num_examples, 1), 6, 11)
  tokens = jax.random.randint(keys[1], (num_examples, 10), 5, 12)
  mask = jnp.arange(10) < lengths
  x = {"tokens": jnp.where(mask, tokens, 0), "mask": mask}
  return {"x": x, "mask": jnp.ones(num_examples)}
