"""Laws of every loss and score; they are discovered, not listed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import checks, lookup, losses, tree
from robust_jax.objective import surrogate_of
from tests.contract.samples import first_accepted

LOSSES = lookup.members("losses")
SCORES = lookup.members("scores")
B, K = 6, 5
RNG = np.random.default_rng(0)
# Whole numbers: sums and differences of theirs are exact.
LOGITS = RNG.permuted(np.tile(np.arange(-2.0, K - 2), (B, 1)), axis=1)
LOGITS = LOGITS.astype(np.float32)
LABELS = np.arange(B) % K
PROBABILITIES = np.exp(LOGITS[::-1])
PROBABILITIES /= PROBABILITIES.sum(axis=1, keepdims=True)
MIXED = np.array([3, 1, 5, 0, 4, 2])

each_loss = pytest.mark.parametrize("name", LOSSES)
each_score = pytest.mark.parametrize("name", SCORES)


@functools.cache
def targets_of(name):
  """Labels `[B]`, or logits or probabilities `[B, K]` to keep."""
  takes = lookup.find("losses", name)
  samples = LABELS, LOGITS[::-1], PROBABILITIES
  return first_accepted(name, functools.partial(takes, LOGITS), samples)


def accepts_probabilities_only(name):
  return targets_of(name) is PROBABILITIES


@functools.partial(jax.jit, static_argnums=0)
def with_gradient(loss, logits, targets):
  """The loss `[B]`, and the gradient of its sum."""
  value, pull = jax.vjp(lambda z: loss(z, targets), logits)
  return value, pull(jnp.ones_like(value))[0]


def compiled(name):
  return functools.partial(with_gradient, lookup.find("losses", name))


@each_loss
def test_one_float32_for_each_example_whatever_the_type_of_logits(name):
  loss, targets = lookup.find("losses", name), targets_of(name)
  for dtype in ("float32", "bfloat16", "float16"):
    value = jax.eval_shape(loss, jnp.asarray(LOGITS, dtype), targets)
    assert (value.shape, value.dtype) == ((B,), jnp.float32)


@each_loss
def test_examples_in_another_order_have_the_same_losses(name):
  run, targets = compiled(name), targets_of(name)
  for here, mixed in zip(
    run(LOGITS, targets), run(LOGITS[MIXED], targets[MIXED]), strict=True
  ):
    np.testing.assert_array_equal(mixed, here[MIXED])


@each_loss
@pytest.mark.parametrize("other", [0.0, -3e4, np.inf, np.nan])
def test_neighbors_change_nothing(name, other):
  """Nor do those that are no numbers, in the gradient either."""
  run, targets = compiled(name), targets_of(name)
  stay = np.array([0, 3])
  logits = np.full_like(LOGITS, other)
  logits[stay] = LOGITS[stay]
  for alone, among in zip(
    run(LOGITS, targets), run(logits, targets), strict=True
  ):
    np.testing.assert_array_equal(alone[stay], among[stay])


@each_loss
# The derivative of a ratio has the square of its denominator: no less than
# 1e-18.
@pytest.mark.parametrize("scale", [0.0, 1e-18, 1e-8, 1.0, 1e4, 1e30])
def test_it_is_finite_at_extreme_logits_and_so_is_its_gradient(name, scale):
  targets = targets_of(name)
  if targets.ndim == 2 and not accepts_probabilities_only(name):
    targets = np.float32(scale) * targets
  value, grad = compiled(name)(np.float32(scale) * LOGITS, targets)
  assert np.isfinite(value).all()
  assert np.isfinite(grad).all()


@each_loss
@pytest.mark.parametrize("shift", [1.0, -100.0, 4096.0])
def test_an_offset_of_all_logits_changes_nothing(name, shift):
  run, targets = compiled(name), targets_of(name)
  value, grad = run(LOGITS, targets)
  shifted, its_grad = run(LOGITS + np.float32(shift), targets)
  # Float32 beside the offset.
  atol = 1e-6 + abs(shift) * float(jnp.finfo(jnp.float32).eps)
  np.testing.assert_allclose(shifted, value, rtol=1e-6, atol=atol)
  np.testing.assert_allclose(its_grad, grad, rtol=1e-5, atol=atol)
  np.testing.assert_allclose(np.sum(grad, axis=1), 0, atol=1e-6)


@each_loss
def test_names_of_classes_do_not_matter(name):
  run, targets, order = compiled(name), targets_of(name), RNG.permutation(K)
  renamed = (
    targets[:, order] if targets.ndim == 2 else np.argsort(order)[targets]
  )
  value, grad = run(LOGITS, targets)
  again, its_grad = run(LOGITS[:, order], renamed)
  np.testing.assert_allclose(again, value, rtol=1e-6, atol=1e-6)
  np.testing.assert_allclose(its_grad, grad[:, order], rtol=1e-5, atol=1e-6)


@each_loss
def test_it_grows_as_the_answer_moves_away_from_the_targets(name):
  run, targets = compiled(name), targets_of(name)
  right = targets if targets.ndim == 2 else 4.0 * np.eye(K)[targets]
  if accepts_probabilities_only(name):
    right = np.log(targets)
  fractions = np.linspace(0, 1, 6)
  values = [
    run(np.float32(right + f * (LOGITS - right)), targets)[0] for f in fractions
  ]
  assert np.all(np.diff(values, axis=0) >= -1e-6)
  assert np.all(values[-1] > values[0])


@each_loss
def test_a_surrogate_is_of_the_same_order_and_direction(name):
  loss, targets = lookup.find("losses", name), targets_of(name)
  rows = RNG.normal(size=(64, K)).astype(np.float32)
  same = np.repeat(targets[:1], len(rows), axis=0)
  value, grad = with_gradient(loss, rows, same)
  climb, slope = with_gradient(surrogate_of(loss), rows, same)
  order = np.argsort(climb)
  assert np.all(np.diff(value[order]) >= -1e-6)
  directions = [tree.normalize(g, "l2") for g in (grad, slope)]
  np.testing.assert_allclose(*directions, atol=1e-5)


@each_loss
@pytest.mark.parametrize(
  ("logits", "targets"),
  [
    (jnp.zeros((3, 1)), jnp.zeros(3, int)),
    (jnp.zeros((3, 4)), jnp.full(3, 4)),
    (jnp.zeros((3, 4)), jnp.zeros((2, 4))),
    (jnp.zeros(3), jnp.zeros(3, int)),
  ],
)
def test_the_check_of_a_loss_says_what_the_loss_says(name, logits, targets):
  """An attack asks it in the place of the loss, and so do losses made of it."""
  loss = lookup.find("losses", name)
  asked = functools.partial(checks.objective, losses.targeted(loss), logits)
  said = []
  for refuse in (loss, lambda _, targets: asked(targets)):
    with pytest.raises(ValueError) as refused:
      refuse(logits, targets)
    said.append(str(refused.value))
  assert said[0] == said[1]


def _objects():
  """Random outputs of a detector, and objects in all images but one."""
  corners = RNG.uniform(0, 12, (2, B, 3, 4)).astype(np.float32)
  corners[..., 2:] += corners[..., :2] + 1
  present = np.float32(np.arange(3) < np.arange(B)[:, None] % 4)
  outputs = {"boxes": corners[0].reshape(B, 3, 1, 4)}
  return outputs, {"boxes": corners[1], "present": present}


SCORED = ((LOGITS, LABELS), _objects())
"""(outputs, targets) of each kind that is scored."""


@each_score
def test_a_score_is_of_each_example_alone_and_from_0_to_1(name):
  score = lookup.find("scores", name)
  outputs, targets = first_accepted(name, lambda two: score(*two), SCORED)
  values = np.asarray(score(outputs, targets), np.float64)
  assert values.shape == (B,)
  assert 0 <= values.min() < values.max() <= 1
  mixed = jax.tree.map(lambda leaf: leaf[MIXED], (outputs, targets))
  np.testing.assert_array_equal(score(*mixed), values[MIXED])
  sick = jax.tree.map(lambda leaf: leaf.copy(), outputs)
  for leaf in jax.tree.leaves(sick):
    leaf[1:] = np.nan
  np.testing.assert_array_equal(score(sick, targets)[0], values[0])
