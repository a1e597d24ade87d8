"""Gradient accumulation: a batch is worked off in parts, one after another."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from robust_jax.types import Array, Batch, Key, LossOutput, PyTree, ValueAndGrad


def accumulated(
  loss: Callable[[PyTree, Batch, Key], tuple[Array, LossOutput]],
  batch: Batch,
  key: Key,
  num_parts: int,
) -> ValueAndGrad:
  """Value and gradient of a loss, computed on one part of the batch at a time.

  Memory for activations is that of one part. All that the loss computes, its
  attack included, is computed part by part, in one compiled loop.

  Args:
    loss: `(params, batch, key) -> (value, LossOutput)`. The values of the parts
      are added, so they are sums over examples, or parts of a mean.
    batch: leaves lead with B.
    key: key of the loss. With several parts each has a key of its own.
    num_parts: number of equal parts, of consecutive examples.

  Returns:
    `(params) -> ((value, LossOutput), gradient)` of the whole batch. Rows are
    in the order of the batch, metrics are added, and the model's other
    collections are averaged over the parts, which all start from the same ones,
    as over devices.

  Raises:
    ValueError: the parts are not equal.
  """
  value_and_grad = jax.value_and_grad(loss, has_aux=True)
  if num_parts == 1:
    return lambda params: value_and_grad(params, batch, key)
  num_rows = len(batch["mask"])
  if num_rows % num_parts:
    raise ValueError(
      f"accumulation_steps = {num_parts} does not divide the {num_rows} "
      "examples of a device's batch: choose a divisor, or a batch_size that is "
      "a multiple of accumulation_steps times the number of devices."
    )
  split = lambda rows: rows.reshape(num_parts, -1, *rows.shape[1:])
  join = lambda rows: rows.reshape(num_rows, *rows.shape[2:])
  parts = jax.tree.map(split, batch), jax.random.split(key, num_parts)

  def in_parts(params: PyTree) -> tuple[tuple[Array, LossOutput], PyTree]:
    def of_part(part: tuple[Batch, Key]) -> tuple[PyTree, PyTree]:
      (value, out), grads = value_and_grad(params, *part)
      sums = value, out.metrics, out.model_state, grads
      return sums, (out.per_example, out.outputs)

    def add(sums: PyTree, part: tuple[Batch, Key]) -> tuple[PyTree, PyTree]:
      more, rows = of_part(part)
      return jax.tree.map(jnp.add, sums, more), rows

    first = jax.tree.map(lambda each: each[0], parts)
    zeros = jax.tree.map(
      lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
      jax.eval_shape(of_part, first)[0],
    )
    sums, rows = jax.lax.scan(add, zeros, parts)
    value, metrics, model_state, grads = sums
    per_example, outputs = jax.tree.map(join, rows)
    mean_state = jax.tree.map(lambda leaf: leaf / num_parts, model_state)
    return (value, LossOutput(per_example, outputs, metrics, mean_state)), grads

  return in_parts
