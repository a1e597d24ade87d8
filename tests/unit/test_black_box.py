"""Black-box attacks on victims whose boundary is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import black_box as bb
from robust_jax.as_numpy_fn import as_numpy_fn

KEY = jax.random.key(0)
SHAPE = (6, 6, 1)
RNG = np.random.default_rng(0)
WEIGHTS = RNG.standard_normal(SHAPE)
# Far enough from the box for the nearest points to lie in it.
X = RNG.uniform(0.35, 0.65, (5, *SHAPE)).astype(np.float32)
HEIGHT = ((X - 0.5) * WEIGHTS).sum(axis=(1, 2, 3))
Y = (HEIGHT > 0).astype(int)
NEAREST = {
  "l2": np.abs(HEIGHT) / np.linalg.norm(WEIGHTS),
  "linf": np.abs(HEIGHT) / np.abs(WEIGHTS).sum(),
}
# float32 images around 0.5 round at 6e-8 per coordinate, 36 of them.
ROUNDING = 1e-6


def scores(images):
  """An affine victim of two classes, `[N, 2]`, row by row."""
  height = ((images.astype(float) - 0.5) * WEIGHTS).sum(axis=(1, 2, 3))
  return np.stack([np.zeros(len(images)), height], axis=1)


def answer(images):
  return scores(images).argmax(axis=1)


def counted(predict):
  """The victim, and the list of how many rows each call brought."""
  calls = []

  def asked(images):
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    calls.append(len(images))
    return predict(images)

  return asked, calls


ATTACKS = {
  "hop_skip_jump l2": lambda **kw: bb.hop_skip_jump(norm="l2", **kw),
  "hop_skip_jump linf": lambda **kw: bb.hop_skip_jump(norm="linf", **kw),
  "boundary": bb.boundary,
  "square linf": lambda **kw: bb.square(2 * NEAREST["linf"].max(), **kw),
  "square l2": lambda **kw: bb.square(2 * NEAREST["l2"].max(), norm="l2", **kw),
  "spsa linf": lambda **kw: bb.spsa(2 * NEAREST["linf"].max(), **kw),
  "spsa l2": lambda **kw: bb.spsa(2 * NEAREST["l2"].max(), norm="l2", **kw),
}
each_attack = pytest.mark.parametrize("name", ATTACKS)


@pytest.mark.parametrize(
  ("name", "norm", "max_queries", "factor"),
  [
    ("hop_skip_jump l2", "l2", 2000, 1.05),
    ("hop_skip_jump linf", "linf", 2000, 1.15),
    ("boundary", "l2", 3000, 1.01),
  ],
)
def test_nearest_point_of_an_affine_victim(name, norm, max_queries, factor):
  attack = ATTACKS[name](max_queries=max_queries)
  result = attack(KEY, answer, X, Y)
  length = getattr(result, norm)
  assert result.success.all()
  assert (length <= factor * NEAREST[norm]).all()
  assert (length >= NEAREST[norm] - ROUNDING).all()


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("make", [bb.square, bb.spsa])
def test_success_where_the_ball_reaches_the_boundary_only(make, norm):
  reached = make(1.6 * NEAREST[norm], norm=norm)(KEY, scores, X, Y)
  assert reached.success.all()
  missed = make(0.9 * NEAREST[norm], norm=norm, max_queries=300)
  assert not missed(KEY, scores, X, Y).success.any()


@each_attack
def test_target_is_reached(name):
  weights = RNG.standard_normal((36, 4))

  def four_classes(images):
    return (images - 0.5).reshape(len(images), -1) @ weights

  target = (four_classes(X).argmax(axis=1) + 1) % 4
  # The image that each class likes best.
  liked = (weights.T[target] > 0).reshape(X.shape).astype(np.float32)
  assert (four_classes(liked).argmax(axis=1) == target).all()
  if name.startswith(("square", "spsa")):
    kind = bb.square if name.startswith("square") else bb.spsa
    attack = kind(1.5, norm="l2", targeted=True)
    result = attack(KEY, four_classes, X, target)
  else:
    attack = ATTACKS[name](max_queries=1000, targeted=True)
    result = attack(KEY, four_classes, X, target, liked)
  assert result.success.all()
  reached = four_classes(result.x_adv).argmax(axis=1)
  np.testing.assert_array_equal(reached, target)


@pytest.mark.parametrize("name", ["boundary", "hop_skip_jump l2"])
def test_a_given_start_is_counted_and_used(name):
  starts = np.where(WEIGHTS * (1 - 2 * Y[:, None, None, None]) > 0, 1, 0)
  predict, calls = counted(answer)
  result = ATTACKS[name](max_queries=3)(KEY, predict, X[:1], Y[:1], starts[:1])
  assert result.success.all()
  assert sum(calls) == 3
  np.testing.assert_array_equal(result.x_adv[0], starts[0])


def test_without_any_start_the_original_comes_back():
  for attack in (bb.boundary(), bb.hop_skip_jump()):
    result = attack(KEY, lambda images: np.zeros(len(images), int), X, 0 * Y)
    assert not result.success.any()
    np.testing.assert_array_equal(result.x_adv, X)


@pytest.mark.parametrize("make", [bb.square, bb.spsa])
def test_piecewise_constant_scores(make):
  # All examples at one height above the boundary, and a staircase of four steps
  # from there down: no probe of the default reach leaves the first.
  x = X - ((HEIGHT - 1) / np.sum(WEIGHTS**2))[:, None, None, None] * WEIGHTS
  x = x.astype(np.float32)

  def staircase(images):
    return np.ceil(4 * scores(images) - 0.5)

  eps = 2 / np.abs(WEIGHTS).sum()
  result = make(eps, max_queries=3000)(KEY, staircase, x, np.ones(5, int))
  assert result.success.all()


@pytest.mark.parametrize("make", [bb.square, bb.spsa])
def test_probabilities_are_met_by_their_logarithm(make):
  def probabilities(images):
    return np.asarray(jax.nn.softmax(scores(images).astype(np.float64) * 300))

  def logits(images):
    return 300 * scores(images)

  # The smaller probability is clamped at 1e-12, a margin of 27.6, where the
  # attack finds itself on a plateau.
  one = make(2 * NEAREST["linf"])(KEY, probabilities, X, Y)
  other = make(2 * NEAREST["linf"])(KEY, logits, X, Y)
  assert one.success.all()
  assert other.success.all()


def test_nan_warns_stays_with_its_row_and_never_wins():
  def poisoned(images):
    result = scores(images)
    result[np.abs(images - X[2]).max(axis=(1, 2, 3)) > 0.3] = np.nan
    return result

  eps = 2 * NEAREST["linf"]
  eps[0] = 0.5
  with pytest.warns(UserWarning, match=r"returned NaN for 1 of 5 images"):
    result = bb.square(eps, max_queries=50)(KEY, poisoned, X, Y)
  assert np.isfinite(poisoned(result.x_adv)[1:]).all()


@pytest.mark.parametrize(
  ("predict", "message"),
  [
    (lambda x: scores(x)[:-1], r"returned float64 \(4, 2\) for 5 images"),
    (lambda x: scores(x)[:, :1], r"\(5, 1\) .* of two classes or more"),
    (lambda x: (scores(x), {}), "returned a tuple: expected integer labels"),
    (lambda x: {"logits": scores(x)}, "returned a dict: expected"),
    (lambda x: answer(x).astype(float), "expected integer labels"),
    (lambda x: scores(x)[None], "expected integer labels"),
  ],
)
def test_answers_that_are_no_answers_are_refused(predict, message):
  for attack in (bb.boundary(), bb.square(0.1)):
    with pytest.raises(ValueError, match=message):
      attack(KEY, predict, X, Y)


def test_bad_input_is_refused_in_prose():
  with pytest.raises(ValueError, match="max_queries = 1: expected 2 or more"):
    bb.boundary(max_queries=1)(KEY, answer, X, Y)
  with pytest.raises(ValueError, match="norm = 'l1': expected 'linf' or 'l2'"):
    bb.hop_skip_jump(norm="l1")
  with pytest.raises(ValueError, match="eps = -1: expected 0 or more"):
    bb.square(-1)
  with pytest.raises(ValueError, match=r"expects \[B, H, W, C\]"):
    bb.square(0.1)(KEY, scores, X.reshape(5, -1), Y)
  with pytest.raises(ValueError, match="values from 1"):
    bb.spsa(0.1)(KEY, scores, X + 1, Y)
  with pytest.raises(ValueError, match=r"starts of shape \(1, 6, 6, 1\)"):
    bb.boundary()(KEY, answer, X, Y, X[:1])
  with pytest.raises(
    ValueError, match=r"keys of shape \(2,\): expected one key"
  ):
    bb.boundary()(jax.random.split(KEY), answer, X, Y)


def test_a_jax_model_is_a_victim():
  weights = jnp.asarray(WEIGHTS, jnp.float32).reshape(-1)

  def logits_fn(x):
    height = (x - 0.5).reshape(len(x), -1) @ weights
    return jnp.stack([jnp.zeros_like(height), height], axis=1)

  attack = bb.hop_skip_jump(max_queries=1000)
  result = attack(KEY, as_numpy_fn(logits_fn), jnp.asarray(X), jnp.asarray(Y))
  assert result.success.all()
  assert (result.l2 <= 1.1 * NEAREST["l2"]).all()
