"""The information score against closed forms, however it is summed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from robust_jax import metrics
from robust_jax.evaluators._information import information, information_sums

SUMS = jax.jit(information_sums)


def score(logits, mask=None):
  mask = np.ones(len(logits), np.float32) if mask is None else mask
  return information(metrics.result(SUMS(logits, mask)))


# Float32 softmax and sums of a dozen terms: a few roundings of 6e-8.
CLOSE = {"rel": 1e-5, "abs": 1e-6}


def test_certain_and_balanced_answers_have_log_k():
  certain = np.tile(np.where(np.eye(5) > 0, 0.0, -np.inf), (2, 1))
  assert score(certain) == pytest.approx(np.log(5), **CLOSE)


def test_two_certain_classes_of_unequal_fraction_have_their_entropy():
  certain = np.where(np.eye(5)[[0, 0, 0, 1]] > 0, 80.0, 0.0)
  expected = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
  assert score(certain) == pytest.approx(expected, **CLOSE)


def test_examples_answered_alike_carry_nothing():
  alike = np.tile(np.random.default_rng(0).normal(size=7), (12, 1))
  assert score(alike) == pytest.approx(0, abs=1e-6)
  assert score(np.zeros((12, 7))) == pytest.approx(0, abs=1e-6)


def test_the_binary_symmetric_channel_has_its_capacity():
  p = 0.1
  rows = np.log([[1 - p, p], [p, 1 - p]])
  capacity = np.log(2) + p * np.log(p) + (1 - p) * np.log(1 - p)
  assert score(np.tile(rows, (3, 1))) == pytest.approx(capacity, **CLOSE)


def test_batches_of_any_size_add_up_and_means_of_their_scores_fall_below():
  logits = np.float32(np.random.default_rng(1).normal(size=(12, 4)) * 3)
  whole = score(logits)
  parts = [logits[:2], logits[2:9], logits[9:]]
  merged = metrics.merge(
    metrics.merge(*(SUMS(part, np.ones(len(part))) for part in parts[:2])),
    SUMS(parts[2], np.ones(len(parts[2]))),
  )
  assert information(metrics.result(merged)) == pytest.approx(whole, **CLOSE)
  # What a mean of batch scores lacks: how far each batch is from the whole.
  fractions = [len(part) / 12 for part in parts]
  means = [np.asarray(jax.nn.softmax(part)).mean(0) for part in parts]
  mean = np.dot(fractions, means)
  lacking = np.dot(fractions, [np.sum(m * np.log(m / mean)) for m in means])
  of_scores = np.dot(fractions, [score(part) for part in parts])
  assert lacking > 0.05
  assert of_scores + lacking == pytest.approx(whole, **CLOSE)
  for row in logits:
    assert score(row[None]) == pytest.approx(0, abs=1e-6)


def test_padding_has_no_influence_not_even_nan():
  logits = np.float32(np.random.default_rng(2).normal(size=(6, 4)))
  padded = np.concatenate([logits, np.full((2, 4), np.nan)])
  mask = np.float32([1] * 6 + [0] * 2)
  assert score(jnp.asarray(padded), mask) == pytest.approx(
    score(logits), **CLOSE
  )
