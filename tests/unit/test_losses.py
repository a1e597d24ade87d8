import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from robust_jax import lookup, losses
from robust_jax.objective import surrogate_of

# Subnormal numbers are 0 to XLA.
numbers = st.floats(-20, 20, width=32, allow_subnormal=False)
logits_of = npst.arrays(np.float32, (4, 5), elements=numbers)
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
  expected = losses.targeted(loss)
  assert expected(nearer, target) > expected(logits, target)
  np.testing.assert_array_equal(expected(logits, target), -loss(logits, target))


@few
@given(logits_of, labels_of)
def test_prioritize_misclassified_puts_every_wrong_answer_above_every_right_one(
  logits, labels
):
  loss = losses.prioritize_misclassified(losses.cross_entropy)
  wrong = logits.argmax(axis=1) != labels
  value = np.asarray(loss(logits, labels))
  np.testing.assert_array_equal(value > 5000, wrong)
  plain = losses.cross_entropy(logits, labels)
  np.testing.assert_array_equal(value[~wrong], plain[~wrong])
  # Float32 keeps 1e-3 of a loss beside 1e4.
  np.testing.assert_allclose(value[wrong] - 1e4, plain[wrong], atol=1e-3)
  # With a target it is the answers of that label which come first.
  expected = losses.targeted(loss)(logits, labels)
  np.testing.assert_array_equal(expected > -5000, ~wrong)


def _objectives():
  """Every loss that is there, as a function of logits alone, with 5 classes."""
  labels, target = jnp.array([0, 1, 2, 3]), jnp.array([1, 0, 0, 2])
  reference = jnp.asarray(np.random.default_rng(1).normal(size=(4, 5)))
  for name in lookup.members("losses"):
    loss = getattr(losses, name)
    match list(inspect.signature(loss).parameters):
      case ["logits", "labels"]:
        yield name, lambda z, f=loss: f(z, labels)
      case ["logits", "reference"]:
        # The classes that z excludes are excluded there too.
        yield (
          name,
          lambda z, f=loss: f(
            z,
            jnp.where(z > -1e30, reference[:, : z.shape[1]], -jnp.inf),
          ),
        )
      case ["logits", "probabilities"]:

        def soft(z, f=loss):
          there = jnp.where(z > -1e30, reference[:, : z.shape[1]], -jnp.inf)
          return f(z, jax.nn.softmax(jax.lax.stop_gradient(there)))

        yield name, soft
      case ["views"]:
        yield name, lambda z, f=loss: f(jnp.stack([z, 2 * z, 0.5 * z]))
      case ["target"]:
        yield name, lambda z, f=loss: f(target)(z, labels)
      case ["objective"]:
        for inner in (losses.cross_entropy, losses.soft_margin, losses.margin):
          made = loss(inner)
          yield f"{name}({inner.__name__})", lambda z, f=made: f(z, labels)
      case other:
        raise AssertionError(f"a loss of {other}: how is it called?")


OBJECTIVES = dict(_objectives())


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("excluded", [-np.inf, np.finfo(np.float32).min])
def test_an_excluded_class_is_as_if_it_were_not_there(name, excluded):
  loss = OBJECTIVES[name]
  logits = jnp.asarray(
    np.random.default_rng(0).normal(size=(4, 4)), jnp.float32
  )
  more = jnp.pad(logits, ((0, 0), (0, 1)), constant_values=excluded)
  value, grad = jax.value_and_grad(lambda z: loss(z).sum())(more)
  expected, slope = jax.value_and_grad(lambda z: loss(z).sum())(logits)
  np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
  np.testing.assert_allclose(grad[:, :4], slope, rtol=1e-4, atol=1e-6)
  np.testing.assert_array_equal(grad[:, 4], 0)


def test_dlr_of_two_classes_that_are_left_is_the_margin():
  logits = jnp.array([[1.0, 0.25, -jnp.inf, -jnp.inf]])
  label = jnp.array([0])
  np.testing.assert_allclose(losses.dlr(logits, label), -0.75)
  np.testing.assert_allclose(
    losses.targeted_dlr(jnp.array([1]))(logits, label), -0.75
  )


@few
@given(logits_of, labels_of)
def test_the_cross_entropy_is_a_function_of_the_soft_margin(logits, labels):
  soft = np.asarray(losses.soft_margin(logits, labels), np.float64)
  np.testing.assert_allclose(
    losses.cross_entropy(logits, labels),
    np.logaddexp(0, soft + np.log(4)),
    rtol=1e-5,
    atol=1e-5,
  )
  for loss in (losses.cross_entropy, losses.soft_margin):
    assert surrogate_of(loss) is losses.soft_margin
  assert surrogate_of(losses.margin) is losses.margin


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1.0, 1e4, 1e8])
@pytest.mark.parametrize("offset", [0.0, 64.0])
def test_a_surrogate_keeps_its_digits_at_any_scale(scale, offset):
  rng = np.random.default_rng(0)
  logits = np.float32(scale) * (rng.normal(size=(50, 5)) + offset)
  logits = np.float32(logits)
  labels = jnp.zeros(50, int)
  others, own = np.float64(logits[:, 1:]), np.float64(logits[:, 0])
  top = others.max(axis=1)
  inner = np.expm1(others - top[:, None]).mean(axis=1)
  expected = top - own + np.log1p(inner)
  found = losses.soft_margin(logits, labels)
  np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6 * scale)
  grad = jax.grad(lambda z: losses.soft_margin(z, labels).sum())(
    jnp.asarray(logits)
  )
  np.testing.assert_allclose(grad[:, 0], -1)
  np.testing.assert_allclose(grad[:, 1:].sum(axis=1), 1, rtol=1e-5)


def test_a_wrapper_of_a_stranger_is_maximized_as_it_is():
  @functools.wraps(losses.cross_entropy)
  def reversed_loss(logits, labels):
    return -losses.cross_entropy(logits, labels)

  assert surrogate_of(reversed_loss) is reversed_loss


def test_prioritize_misclassified_keeps_the_gradient():
  logits, labels = jnp.array([[1.0, 2.0, 0.5]]), jnp.array([0])
  plain, lifted = (
    jax.grad(lambda z, f=f: f(z, labels).sum())(logits)
    for f in (losses.dlr, losses.prioritize_misclassified(losses.dlr))
  )
  np.testing.assert_array_equal(plain, lifted)


def test_soft_labels_are_an_average_of_labels():
  logits, (first, second) = LOGITS_SOFT, (jnp.array([0, 3]), jnp.array([2, 1]))
  mixed = 0.7 * jax.nn.one_hot(first, 4) + 0.3 * jax.nn.one_hot(second, 4)
  expected = 0.7 * losses.cross_entropy(logits, first)
  expected += 0.3 * losses.cross_entropy(logits, second)
  found = losses.soft_cross_entropy(logits, mixed)
  np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_class_that_is_excluded_and_not_meant_costs_nothing():
  logits = jnp.array([[1.0, 2.0, -jnp.inf]])
  soft = jnp.array([[0.5, 0.5, 0.0]])
  found, grad = jax.value_and_grad(
    lambda z: losses.soft_cross_entropy(z, soft).sum()
  )(logits)
  expected = losses.soft_cross_entropy(logits[:, :2], soft[:, :2]).sum()
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  assert jnp.isfinite(grad).all()


@pytest.mark.parametrize(
  ("soft", "message"),
  [
    (jnp.array([0, 1]), "Class indices .B. are for cross_entropy"),
    (jnp.full((2, 3), 1 / 3), r"expected floats \[2, 4\], a probability"),
    (jnp.full((2, 4), 0.5), "expected 0 or more, with a sum of 1"),
  ],
)
def test_what_are_no_soft_labels_is_refused(soft, message):
  with pytest.raises(ValueError, match=message):
    losses.soft_cross_entropy(LOGITS_SOFT, soft)


LOGITS_SOFT = jnp.array([[1.0, -2.0, 0.5, 0.0], [0.0, 3.0, 1.0, -1.0]])
