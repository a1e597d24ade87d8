"""Gradient reversal: the identity, and the saddle point's field backward."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax.games.grad_reverse import grad_reverse


def _tree():
  return {"a": jnp.array([1.0, -2.0]), "b": (jnp.array([[3.0]]),)}


def _product(x, weights):
  pairs = zip(jax.tree.leaves(x), jax.tree.leaves(weights), strict=True)
  return sum(jnp.sum(u * v) for u, v in pairs)


def test_identity_forward_and_minus_lam_times_the_gradient_backward():
  x, weights = _tree(), jax.tree.map(lambda t: t + 0.5, _tree())
  out = grad_reverse(x, 0.7)
  assert jax.tree.all(jax.tree.map(lambda u, v: bool((u == v).all()), out, x))
  grad = jax.grad(lambda x: _product(grad_reverse(x, 0.7), weights))(x)
  for g, w in zip(jax.tree.leaves(grad), jax.tree.leaves(weights), strict=True):
    np.testing.assert_allclose(g, -0.7 * w, rtol=1e-6)


def test_lam_has_no_gradient():
  x = jnp.array([1.0, 2.0])
  grad = jax.grad(lambda lam: grad_reverse(x, lam).sum())
  assert grad(3.0) == 0


def test_integers_pass_as_they_are():
  x = {"h": jnp.array([1.0, 2.0]), "ids": jnp.array([4, 5])}

  def loss(h):
    out = grad_reverse({**x, "h": h}, 2.0)
    return (out["h"] * out["ids"]).sum()

  np.testing.assert_allclose(jax.grad(loss)(x["h"]), [-8.0, -10.0])


def test_bfloat16_is_kept_and_lam_is_applied_in_float32():
  x = jnp.array([3.0938], jnp.bfloat16)
  grad = jax.grad(lambda x: grad_reverse(x, 1.001).astype(jnp.float32).sum())
  assert grad_reverse(x, 1.001).dtype == jnp.bfloat16
  assert grad_reverse(x, 1.001) == x
  assert grad(x).dtype == jnp.bfloat16
  np.testing.assert_array_equal(grad(x), jnp.array([-1.001], jnp.bfloat16))


def test_a_new_lam_does_not_recompile():
  traces = []

  @jax.jit
  def grad(x, lam):
    traces.append(1)
    return jax.grad(lambda x: grad_reverse(x, lam).sum())(x)

  for lam in (0.0, 0.3, 1.0):
    np.testing.assert_allclose(grad(1.0, lam), -lam, rtol=1e-6)
  assert len(traces) == 1


def test_a_schedule_within_scan_and_a_map_over_lam():
  lams = jnp.linspace(0.0, 2.0, 5)

  def grad(lam):
    return jax.grad(lambda x: jnp.sum(3 * grad_reverse(x, lam)))(1.0)

  _, scanned = jax.jit(
    lambda lams: jax.lax.scan(lambda c, lam: (c, grad(lam)), 0, lams)
  )(lams)
  np.testing.assert_allclose(scanned, -3 * lams, rtol=1e-6)
  np.testing.assert_allclose(jax.vmap(grad)(lams), -3 * lams, rtol=1e-6)


def test_the_derivative_of_a_reversed_gradient_is_not_reversed_again():
  # What consensus asks for: the field's own derivative, of -lam 3 x^2 here.
  def slope(x):
    return jax.grad(lambda x: grad_reverse(x, 2.0) ** 3)(x)

  np.testing.assert_allclose(slope(1.5), -2 * 3 * 1.5**2, rtol=1e-6)
  np.testing.assert_allclose(jax.grad(slope)(1.5), -2 * 6 * 1.5, rtol=1e-6)


def test_lam_per_example_is_refused():
  with pytest.raises(ValueError, match=r"shape \(2,\): expected a scalar"):
    grad_reverse(jnp.ones(2), jnp.ones(2))


def test_one_reversal_step_is_the_field_of_the_saddle_point():
  keys = jax.random.split(jax.random.key(0), 5)
  params = {
    "features": jax.random.normal(keys[0], (6, 4)),
    "head": jax.random.normal(keys[1], (4, 3)),
    "domain": jax.random.normal(keys[2], (4, 2)),
  }
  x, lam = jax.random.normal(keys[3], (8, 6)), 0.37
  classes = jax.random.randint(keys[4], (8,), 0, 3)
  domains = jnp.arange(8) % 2

  def cross_entropy(logits, labels):
    log_probs = jax.nn.log_softmax(logits)
    return -log_probs[jnp.arange(8), labels].mean()

  def class_loss(features, head):
    return cross_entropy(jnp.tanh(x @ features) @ head, classes)

  def domain_loss(features, domain):
    return cross_entropy(jnp.tanh(x @ features) @ domain, domains)

  def reversed_loss(p):
    hidden = jnp.tanh(x @ p["features"])
    return cross_entropy(hidden @ p["head"], classes) + cross_entropy(
      grad_reverse(hidden, lam) @ p["domain"], domains
    )

  def assembled(p):
    dy = jax.grad(class_loss, (0, 1))(p["features"], p["head"])
    dd = jax.grad(domain_loss, (0, 1))(p["features"], p["domain"])
    return {
      "features": dy[0] - lam * dd[0],
      "head": dy[1],
      "domain": dd[1],
    }

  found, expected = jax.jit(
    lambda p: (jax.grad(reversed_loss)(p), assembled(p))
  )(params)
  for name in params:
    np.testing.assert_allclose(found[name], expected[name], atol=1e-6)
