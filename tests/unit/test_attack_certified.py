"""Attacks on certified images of a linear model, whose distances are known."""

import jax
import numpy as np
import pytest

from experiments.examples import Examples
from experiments.studies.attack_certified import Strength, attack_certified
from robust_jax import certificates

KEY = jax.random.key(0)
WEIGHTS = jax.random.normal(KEY, (16, 2))
X = np.asarray(jax.random.uniform(KEY, (12, 4, 4, 1), minval=0.3, maxval=0.7))
SIGMA = 0.25
CERTIFICATES = {
  "smoothing": (certificates.smoothing(SIGMA, n0=100, n=500), SIGMA),
  "interval_bounds": (certificates.interval_bounds(), 0.0),
}


def affine(weights, x):
  return (x.reshape(len(x), -1) - 0.5) @ weights


MODEL = jax.tree_util.Partial(affine, WEIGHTS)
LOGITS = np.asarray(MODEL(X))
LABELS = LOGITS.argmax(axis=1)


def distances(norm):
  """Of each image to the plane between the two classes."""
  dual = {"l2": 2, "linf": 1}[norm]
  normal = np.asarray(WEIGHTS[:, 0] - WEIGHTS[:, 1])
  return np.abs(LOGITS[:, 0] - LOGITS[:, 1]) / np.linalg.norm(normal, dual)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates_hold_up_to_the_plane_and_are_seen_to_break_beyond(
  name, tmp_path
):
  certificate, sigma = CERTIFICATES[name]
  distance = distances(certificate.norm)

  def verdicts(scale, beyond=0.0):
    return attack_certified(
      MODEL,
      certificate,
      sigma,
      Examples(X, LABELS),
      scale * distance + beyond,
      Strength(num_steps=10, restarts=2, num_draws=4),
      batch_size=4,
      save_to=tmp_path / f"{beyond}.npz",
    )[0]

  assert not verdicts(0.99).broken.any()
  beyond = verdicts(1.0, beyond=0.15 if sigma else 0.01)
  assert beyond.broken.all()
  assert not beyond.held.any()
