"""Randomized smoothing: L2 certificates from votes on Gaussian noise.

The smoothed classifier g answers the class that the model f answers most often
on x + sigma N(0, 1). If f answers it with a probability of at least p_A > 1/2,
g answers the same within an L2 distance of sigma Phi^-1(p_A) of x. The
probability is estimated by votes, so a certificate holds with confidence
1 - alpha. It is one of g, not of f.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from robust_jax import bounded_jit, checks, precision
from robust_jax.types import Array, Certificate, Key, Model
from robust_jax.xla_cpu.canonicalize import canonicalize_on_cpu

ABSTAIN = -1
_CHUNK = 512  # noisy images in one pass; a CPU takes 1.8 x as long at 4,096
_MOST = 2**30  # votes that are counted in int32


class Certified(NamedTuple):
  """The class and radius that randomized smoothing certifies.

  Attributes:
    classes: int `[B]`, the answer of the smoothed classifier, or `ABSTAIN`.
    radii: float64 `[B]`, the L2 radius within which it does not change, in
      input units; 0 where it abstains.
    p_lower: float64 `[B]`, a lower confidence bound of p_A, the probability of
      that class under noise.
  """

  classes: np.ndarray
  radii: np.ndarray
  p_lower: np.ndarray


def smoothing(
  sigma: float,
  *,
  n0: int = 100,
  n: int = 100_000,
  alpha: float = 0.001,
  chunk: int = _CHUNK,
) -> Certificate:
  """The certificate of `certify`: L2 radii by randomized smoothing.

  Args:
    sigma: standard deviation of the noise, as for the options that follow.
    n0: see `certify`.
    n: see `certify`.
    alpha: see `certify`.
    chunk: see `certify`.

  Raises:
    ValueError: an option is out of its range, or n votes can certify nothing.

  Example:
    >>> from robust_jax import certificates
    >>> certificates.smoothing(0.5, n=1000).norm
    'l2'

  Source: Cohen, Rosenfeld and Kolter 2019, "Certified adversarial robustness
  via randomized smoothing", algorithm 1.
  """
  smallest = _votes_to_certify(alpha)
  _check(sigma, alpha, smallest, n0=n0, n=n, chunk=chunk)

  def radii(key: Key, model: Model, x: Array, labels: Array) -> np.ndarray:
    found = certify(
      model, key, x, sigma=sigma, n0=n0, n=n, alpha=alpha, chunk=chunk
    )
    return np.where(found.classes == labels, found.radii, -1.0)

  return Certificate("l2", radii)


@precision.evaluation()
def certify(
  model: Model,
  key: Key,
  x: Array,
  *,
  sigma: float,
  n0: int = 100,
  n: int = 100_000,
  alpha: float = 0.001,
  chunk: int = _CHUNK,
) -> Certified:
  """The class of the smoothed classifier, and the radius that keeps it.

      c       = the class of most of n0 votes
      p_A    >= p_lower = Beta(alpha; k, n - k + 1),  k of n new votes for c
      radius  = sigma Phi^-1(p_lower)    if p_lower > 1/2, else it abstains

  Noise is float32, drawn anew for each vote of each image, and added before the
  model's own normalization; the sum is not clipped to [0, 1]. All images are
  looked at together, in one compiled loop that counts the votes on the device;
  both samples run the same program.

  Args:
    model: a classifier, x `[B, ...]` -> logits `[B, K]`.
    key: of the noise. An image's noise depends on its place in the batch, not
      on its neighbors nor on `chunk`.
    x: images `[B, ...]` in [0, 1].
    sigma: standard deviation of the noise, in input units.
    n0: votes that choose the class.
    n: votes that estimate its probability. If all of them are for the class,
      the radius is sigma Phi^-1(alpha^(1 / n)), the largest there is: at
      alpha 0.001 it is 2.46 sigma of 1,000 votes, 3.81 sigma of 100,000.
    alpha: probability that a radius is too large.
    chunk: how many noisy images are one pass of the model: memory, no more.

  Raises:
    ValueError: an option is out of its range; or n votes are so few that even
      if all agreed, nothing could be certified.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.certificates.smoothing import certify
    >>> model = lambda x: jnp.stack([x.sum(axis=1), 1 - x.sum(axis=1)], axis=1)
    >>> x = jnp.array([[0.9, 0.9], [0.1, 0.1]])
    >>> found = certify(model, jax.random.key(0), x, sigma=0.25, n=1000)
    >>> found.classes.tolist()
    [0, 1]

  Source: Cohen, Rosenfeld and Kolter 2019, "Certified adversarial robustness
  via randomized smoothing", algorithm 1 (Certify) and section 3.2.2.
  """
  smallest = _votes_to_certify(alpha)
  _check(sigma, alpha, smallest, n0=n0, n=n, chunk=chunk)
  key_class, key_probability = jax.random.split(key)
  count = functools.partial(votes, model, x=x, sigma=sigma, chunk=chunk)
  classes = count(key_class, n=n0).argmax(axis=1)
  k = np.take_along_axis(count(key_probability, n=n), classes[:, None], 1)[:, 0]
  p_lower = np.where(k > 0, scipy.special.betaincinv(k, n - k + 1, alpha), 0.0)
  sure = p_lower > 0.5
  radii = sigma * scipy.special.ndtri(np.where(sure, p_lower, 0.5))
  return Certified(np.where(sure, classes, ABSTAIN), radii, p_lower)


@precision.evaluation()
def predict(
  model: Model,
  key: Key,
  x: Array,
  *,
  sigma: float,
  n: int = 1000,
  alpha: float = 0.001,
  chunk: int = _CHUNK,
) -> np.ndarray:
  """The class of the smoothed classifier `[B]`, or `ABSTAIN`.

  Of the two classes with most of n votes the first is answered, if a two-sided
  binomial test at level alpha tells them apart. An answer is another than the
  smoothed classifier's with a probability of alpha at most.

  Args:
    model: a classifier, x `[B, ...]` -> logits `[B, K]`.
    key: of the noise, as in `certify`.
    x: images `[B, ...]` in [0, 1].
    sigma: standard deviation of the noise, in input units.
    n: votes.
    alpha: level of the test.
    chunk: as in `certify`.

  Raises:
    ValueError: an option is out of its range; or n votes are so few that even
      if all agreed, the test could not tell.

  Source: Cohen, Rosenfeld and Kolter 2019, algorithm 1 (Predict).
  """
  _check(sigma, alpha, _votes_to_tell(alpha), n=n, chunk=chunk)
  counts = votes(model, key, x=x, sigma=sigma, n=n, chunk=chunk)
  second, first = np.sort(counts, axis=1)[:, -2:].T
  # The probability of `first` votes or more for either of two equal classes.
  p_value = 2 * scipy.special.betainc(first, second + 1, 0.5)
  return np.where(p_value <= alpha, counts.argmax(axis=1), ABSTAIN)


def votes(
  model: Model,
  key: Key,
  *,
  x: Array,
  sigma: float,
  n: int,
  chunk: int = _CHUNK,
) -> np.ndarray:
  """Counts predictions of n noisy copies of each image, by class `[B, K]`.

  The arguments are those of `certify`.
  """
  checks.images(x)
  count = _counter(max(1, chunk // len(x)))
  return np.asarray(bounded_jit.call(count, model, key, x, float(sigma), n))


@functools.cache
def _counter(per_pass: int) -> Callable[..., Array]:
  """`(model, key, x, sigma, n) -> votes [B, K]`; sigma and n are traced."""

  def count(model: Model, key: Key, x: Array, sigma: Array, n: Array) -> Array:
    model = canonicalize_on_cpu(model)
    rows, draws = jnp.arange(len(x)), jnp.arange(per_pass)
    num_classes = jax.eval_shape(model, x).shape[-1]

    def noisy(image: Array, row: Array, draw: Array) -> Array:
      key_image = jax.random.fold_in(jax.random.fold_in(key, draw), row)
      noise = jax.random.normal(key_image, image.shape)
      return image.astype(jnp.float32) + sigma * noise

    # Rows lead, as they may be spread over devices.
    of_draws = jax.vmap(noisy, in_axes=(None, None, 0))
    copies_of = jax.vmap(of_draws, in_axes=(0, 0, None))

    def add_votes(i: Array, counts: Array) -> Array:
      index = i * per_pass + draws
      copies = copies_of(x, rows, index).reshape(-1, *x.shape[1:])
      answers = model(copies).argmax(axis=-1).reshape(len(x), per_pass)
      ballots = jax.nn.one_hot(answers, num_classes, dtype=jnp.int32)
      return counts + jnp.where(index[:, None] < n, ballots, 0).sum(axis=1)

    counts = jnp.zeros((len(x), num_classes), jnp.int32)
    return jax.lax.fori_loop(0, -(-n // per_pass), add_votes, counts)

  return count


def _votes_to_certify(alpha: float) -> int:
  """The least n with alpha^(1 / n) > 1/2."""
  return math.floor(-math.log2(alpha)) + 1 if 0 < alpha < 1 else 1


def _votes_to_tell(alpha: float) -> int:
  """The least n with 2 (1/2)^n <= alpha."""
  return math.ceil(1 - math.log2(alpha)) if 0 < alpha < 1 else 1


def _check(
  sigma: float, alpha: float, smallest: int, **whole_numbers: int
) -> None:
  """The options are in their ranges, and n can be enough."""
  checks.positive("sigma", sigma)
  if not 0 < alpha < 1:
    raise ValueError(f"alpha = {alpha}: expected a number between 0 and 1.")
  for name, value in whole_numbers.items():
    checks.at_least_one(name, value)
    checks.at_most(name, value, _MOST)
  if (n := whole_numbers["n"]) < smallest:
    raise ValueError(
      f"n = {n} at alpha = {alpha}: it would always abstain, as even n votes "
      f"that all agree do not show p_A > 1/2; expected n = {smallest} or more."
    )
