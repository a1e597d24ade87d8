"""Randomized smoothing against closed forms of a linear model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binomtest, norm

from robust_jax.certificates import smoothing as certificate
from robust_jax.certificates.smoothing import (
  ABSTAIN,
  certify,
  predict,
  votes,
)

KEY = jax.random.key(0)
SIGMA, ALPHA = 0.5, 0.05
B, D = 300, 4
W = jnp.array([0.6, -0.8, 0.0, 0.0])  # of unit length
X = jax.random.uniform(KEY, (B, D))


def halfspace(w, x):
  """Two classes on the sides of a plane; the distance to it is |z|."""
  z = (x - 0.5) @ w
  return jnp.stack([jnp.zeros_like(z), z], axis=1)


MODEL = jax.tree_util.Partial(halfspace, W)
MARGIN = np.asarray(halfspace(W, X))[:, 1]


def test_votes_are_those_of_a_normal_cdf():
  n = 4000
  counts = votes(MODEL, KEY, x=X, sigma=SIGMA, n=n)
  assert (counts.sum(axis=1) == n).all()
  p = norm.cdf(MARGIN / SIGMA)
  z = (counts[:, 1] - n * p) / np.sqrt(n * p * (1 - p))
  # As independent between images as between votes: standard normal.
  assert abs(z.mean()) < 4 / np.sqrt(B)
  assert abs(z.var() - 1) < 4 * np.sqrt(2 / B)


def test_no_radius_reaches_the_plane_more_often_than_alpha():
  found = certify(MODEL, KEY, X, sigma=SIGMA, n0=20, n=500, alpha=ALPHA)
  sure = found.classes != ABSTAIN
  distance = np.where(found.classes == (MARGIN > 0), np.abs(MARGIN), 0)
  too_large = (found.radii > distance)[sure].sum()
  assert binomtest(int(too_large), B, ALPHA, "greater").pvalue > 1e-3
  # And with votes enough it comes near.
  assert np.mean((distance - found.radii)[sure]) < 0.1
  assert (found.radii[~sure] == 0).all()
  np.testing.assert_allclose(
    found.radii[sure], SIGMA * norm.ppf(found.p_lower[sure]), rtol=1e-12
  )


def test_the_chunk_changes_nothing_and_neighbors_neither():
  count = lambda x, chunk, key=KEY: votes(
    MODEL, key, x=x, sigma=SIGMA, n=130, chunk=chunk
  )
  whole = count(X[:3], 1000)
  np.testing.assert_array_equal(whole, count(X[:3], 1000))
  np.testing.assert_array_equal(whole, count(X[:3], 21))
  np.testing.assert_array_equal(whole[:2], count(X[:2], 1000))
  assert (whole != count(X[:3], 1000, jax.random.key(1))).any()


def test_noise_is_not_cut_to_the_box():
  """Of a black image half of the noisy pixels are below 0."""
  below = lambda x: jnp.stack([x[:, 0], -x[:, 0]], axis=1)
  counts = votes(below, KEY, x=jnp.zeros((1, 1)), sigma=0.1, n=1000)
  assert abs(counts[0, 1] - 500) < 80


def always_first(x):
  return jnp.stack([jnp.ones(len(x)), jnp.zeros(len(x))], axis=1)


@pytest.mark.parametrize(
  ("sigma", "n", "radius"),
  [
    (0.12, 100_000, 0.457),
    (0.25, 100_000, 0.953),
    (0.5, 100_000, 1.906),
    (1.0, 100_000, 3.811),
    (0.25, 1000, 0.616),
    (1.0, 1000, 2.463),
  ],
)
def test_the_largest_radius(sigma, n, radius):
  found = certify(always_first, KEY, X[:1], sigma=sigma, n=n)
  assert round(float(found.radii[0]), 3) == radius


def test_a_prediction_is_a_binomial_test_of_the_two_most_frequent():
  n = 60
  counts = votes(MODEL, KEY, x=X, sigma=SIGMA, n=n)
  told = predict(MODEL, KEY, X, sigma=SIGMA, n=n, alpha=ALPHA)
  for row, answer in zip(counts.tolist(), told, strict=True):
    sure = binomtest(max(row), n, 0.5).pvalue <= ALPHA
    assert answer == (row.index(max(row)) if sure else ABSTAIN)
  assert 0 < np.mean(told == ABSTAIN) < 1


@pytest.mark.parametrize(("call", "smallest"), [(certify, 10), (predict, 11)])
def test_too_few_votes_are_refused_and_the_least_certifies(call, smallest):
  ask = lambda n: call(always_first, KEY, X[:1], sigma=SIGMA, n=n, alpha=0.001)
  with pytest.raises(ValueError, match=f"always abstain.* n = {smallest} or"):
    ask(smallest - 1)
  answer = ask(smallest)
  classes = answer.classes if call is certify else answer
  assert classes.tolist() == [0]


def test_a_wrong_answer_has_no_radius():
  labels = (MARGIN[:5] > 0).astype(int)
  ask = certificate(SIGMA, n=500).radii
  right, wrong = (ask(KEY, MODEL, X[:5], y) for y in (labels, 1 - labels))
  found = certify(MODEL, KEY, X[:5], sigma=SIGMA, n=500)
  sure = found.classes == labels
  np.testing.assert_array_equal(right[sure], found.radii[sure])
  assert (wrong[sure] == -1).all()


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"sigma": 0.0}, "sigma = 0.0: expected more than 0"),
    ({"alpha": 1.0}, "alpha = 1.0: expected a number between 0 and 1"),
    ({"n": 10.5}, "n = 10.5: expected a whole number"),
    ({"n": 2**31}, "n = 2147483648: expected 1073741824 or less"),
    ({"chunk": 0}, "chunk = 0: expected a whole number"),
  ],
)
def test_options_out_of_range_are_refused(options, message):
  with pytest.raises(ValueError, match=message):
    certificate(**{"sigma": 0.5} | options)
