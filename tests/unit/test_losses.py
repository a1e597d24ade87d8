import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from robust_jax import losses

logits_of = npst.arrays(
  np.float32, (4, 5), elements=st.floats(-20, 20, width=32)
)
labels_of = npst.arrays(np.int32, (4,), elements=st.integers(0, 4))
few = settings(deadline=None, max_examples=30)


@few
@given(logits_of, labels_of)
def test_cross_entropy_is_minus_log_softmax(logits, labels):
  expected = -scipy.special.log_softmax(logits, axis=1)[range(4), labels]
  np.testing.assert_allclose(
    losses.cross_entropy(logits, labels), expected, rtol=1e-5, atol=1e-5
  )


@few
@given(logits_of, labels_of)
def test_margin_is_positive_exactly_where_another_class_is_larger(
  logits, labels
):
  own = logits[range(4), labels]
  others = np.where(np.eye(5, dtype=bool)[labels], -np.inf, logits)
  np.testing.assert_array_equal(
    losses.margin(logits, labels) > 0, others.max(axis=1) > own
  )


@few
@given(
  npst.arrays(np.int32, (4, 5), elements=st.integers(-20, 20), unique=True),
  labels_of,
  st.integers(-8, 8),
  st.sampled_from([0.5, 2.0, 8.0]),
)
def test_dlr_is_invariant_under_shift_and_scale(logits, labels, shift, scale):
  # Distinct integers and powers of two keep the arithmetic exact.
  logits = logits.astype(np.float32)
  np.testing.assert_allclose(
    losses.dlr(scale * logits + shift, labels),
    losses.dlr(logits, labels),
    rtol=1e-6,
  )


def test_dlr_known_answer():
  # Sorted 3, 2, 0: -(3 - 2) / (3 - 0) for the right label.
  logits = jnp.array([[3.0, 2.0, 0.0]])
  np.testing.assert_allclose(losses.dlr(logits, jnp.array([0])), -1 / 3)
  np.testing.assert_allclose(losses.dlr(logits, jnp.array([1])), 1 / 3)


def test_dlr_refuses_two_classes():
  with pytest.raises(ValueError, match=r"3 classes or more, got 2.*margin"):
    losses.dlr(jnp.zeros((1, 2)), jnp.array([0]))


@few
@given(logits_of, logits_of)
def test_kl_is_the_relative_entropy(logits, reference):
  p = scipy.special.softmax(reference.astype(np.float64), axis=1)
  q = scipy.special.softmax(logits.astype(np.float64), axis=1)
  expected = scipy.special.rel_entr(p, q).sum(axis=1)
  np.testing.assert_allclose(
    losses.kl(logits, reference), expected, rtol=1e-4, atol=1e-4
  )


def test_kl_of_equal_logits_is_zero_with_zero_gradient():
  logits = jnp.array([[1.0, -2.0, 0.5]])
  value, grad = jax.value_and_grad(lambda z: losses.kl(z, logits).sum())(logits)
  np.testing.assert_allclose(value, 0, atol=1e-7)
  np.testing.assert_allclose(grad, 0, atol=1e-7)


@pytest.mark.parametrize("name", ["cross_entropy", "margin", "dlr"])
def test_targeted_wants_what_untargeted_flees(name):
  loss = getattr(losses, name)
  logits, target = jnp.array([[2.0, 1.0, 0.0]]), jnp.array([1])
  nearer = logits + jnp.array([[0.0, 0.5, 0.0]])
  wanted = losses.targeted(loss)
  assert wanted(nearer, target) > wanted(logits, target)
  np.testing.assert_array_equal(wanted(logits, target), -loss(logits, target))


@pytest.mark.parametrize("name", ["cross_entropy", "margin", "dlr"])
def test_losses_are_float32_for_a_bfloat16_model(name):
  logits = jnp.ones((2, 4), jnp.bfloat16)
  assert getattr(losses, name)(logits, jnp.array([0, 1])).dtype == jnp.float32


@few
@given(logits_of, labels_of)
def test_fooled_first_puts_every_wrong_answer_above_every_right_one(
  logits, labels
):
  loss = losses.fooled_first(losses.cross_entropy)
  wrong = logits.argmax(axis=1) != labels
  value = np.asarray(loss(logits, labels))
  np.testing.assert_array_equal(value > 5000, wrong)
  plain = losses.cross_entropy(logits, labels)
  np.testing.assert_array_equal(value[~wrong], plain[~wrong])
  # Float32 keeps 1e-3 of a loss beside 1e4.
  np.testing.assert_allclose(value[wrong] - 1e4, plain[wrong], atol=1e-3)
  # With a target it is the answers of that label which come first.
  wanted = losses.targeted(loss)(logits, labels)
  np.testing.assert_array_equal(wanted > -5000, ~wrong)


def test_fooled_first_keeps_the_gradient():
  logits, labels = jnp.array([[1.0, 2.0, 0.5]]), jnp.array([0])
  plain, lifted = (
    jax.grad(lambda z, f=f: f(z, labels).sum())(logits)
    for f in (losses.dlr, losses.fooled_first(losses.dlr))
  )
  np.testing.assert_array_equal(plain, lifted)
