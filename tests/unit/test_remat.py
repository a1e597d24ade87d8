"""Blocks that are recomputed in the backward pass, for less memory."""

import functools

import chex
import jax
import jax.numpy as jnp
import pytest

from robust_jax import models

KEY = jax.random.key(0)
X = jax.random.uniform(KEY, (8, 8, 8, 3))
NETS = {
  "preact": functools.partial(models.PreActResNet, 3, num_blocks=(6,), width=4),
  "resnet": functools.partial(models.ResNet, 3, num_blocks=(6,), width=4),
  "bottleneck": functools.partial(
    models.ResNet, 3, num_blocks=(1, 1), width=4, block="bottleneck"
  ),
  "conv_next": functools.partial(
    models.ConvNeXt, 3, num_blocks=(1, 1), widths=(4, 8)
  ),
  "wide": functools.partial(models.WideResNet, 3, depth=10, widen=1),
  "xcit": functools.partial(
    models.XCiT, 3, num_blocks=(1, 1), embedding_size=16, num_heads=2
  ),
}


def value_and_grad(net):
  """The gradient of a loss in training, and the statistics after it."""

  def loss(params, stats):
    variables = {"params": params, "batch_stats": stats}
    logits, after = net.apply(variables, X, train=True, mutable=["batch_stats"])
    return jnp.sum(logits**2), after

  return jax.jit(jax.value_and_grad(loss, has_aux=True))


@pytest.mark.parametrize("name", NETS)
def test_gradients_and_statistics_are_those_of_the_plain_network(name):
  plain, recomputed = NETS[name](), NETS[name](remat=True)
  variables = jax.jit(plain.init)(KEY, X)
  chex.assert_trees_all_equal(variables, jax.jit(recomputed.init)(KEY, X))
  arguments = variables["params"], variables.get("batch_stats", {})
  chex.assert_trees_all_close(
    value_and_grad(recomputed)(*arguments),
    value_and_grad(plain)(*arguments),
    rtol=1e-4,
    atol=1e-5,
  )


@pytest.mark.parametrize("name", ["preact", "resnet"])
def test_a_deep_network_takes_less_memory(name):
  def temporary_bytes(net):
    variables = jax.eval_shape(net.init, KEY, X)
    arguments = variables["params"], variables["batch_stats"]
    # XLA's CPU compiler removes the barriers otherwise, which undoes it.
    options = {"xla_disable_hlo_passes": "cse_barrier_expander"}
    compiled = value_and_grad(net).lower(*arguments).compile(options)
    return compiled.memory_analysis().temp_size_in_bytes

  plain, recomputed = NETS[name](), NETS[name](remat=True)
  assert temporary_bytes(recomputed) < 0.7 * temporary_bytes(plain)


def test_attacks_do_not_pay_for_it():
  """Gradients to the image alone need little memory as it is."""
  plain, recomputed = (NETS["wide"](remat=remat) for remat in (False, True))
  variables = jax.jit(plain.init)(KEY, X)
  program = lambda net: str(
    jax.make_jaxpr(jax.grad(lambda x: net.apply(variables, x).sum()))(X)
  )
  assert program(recomputed) == program(plain)
