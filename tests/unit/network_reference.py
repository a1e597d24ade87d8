"""A network against a reference of its equations in float64."""

import jax
import jax.numpy as jnp
import numpy as np


def assert_logits_and_slope(model, variables, x, reference, slope_rtol):
  """Asserts logits, and a directional derivative against finite differences.

  Args:
    model: a linen network with five classes.
    variables: its variables.
    x: images.
    reference: x -> logits.
    slope_rtol: relative tolerance of the derivative.
  """
  rng = np.random.default_rng(3)
  weights, towards = rng.standard_normal((2, 5)), rng.standard_normal(x.shape)

  @jax.jit
  def logits_and_gradient(x):
    logits, pull = jax.vjp(lambda x: model.apply(variables, x), x)
    return logits, pull(jnp.float32(weights))[0]

  logits, gradient = logits_and_gradient(x)
  np.testing.assert_allclose(logits, reference(x), rtol=1e-5, atol=1e-5)
  ahead, behind = (
    np.sum(weights * reference(x + step * towards)) for step in (1e-5, -1e-5)
  )
  slope = (ahead - behind) / 2e-5
  np.testing.assert_allclose(np.sum(gradient * towards), slope, rtol=slope_rtol)
