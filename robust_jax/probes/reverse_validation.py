"""Judges an adapted network by the way back, without target labels."""

import numpy as np

from robust_jax.probes.linear_probe import linear_probe


def reverse_validation(
  target_features: np.ndarray,
  target_predictions: np.ndarray,
  source_features: np.ndarray,
  source_labels: np.ndarray,
  *,
  most: int = 4000,
  seed: int = 0,
) -> float:
  """Source accuracy of a linear classifier taught by answers on the target.

  A fresh classifier is trained on target features with the network's own
  answers as labels, then judged on labeled source examples. It is poor where
  the features of the domains lie apart, or where classes merged on the way. A
  target class that came to lie on another class of the source is answered
  wrongly there and back, and goes unseen: this chooses among models and proves
  nothing of one.

  Args:
    target_features: `[N, D]`, of the network's hidden layer.
    target_predictions: `[N]` integers, what the network answers there.
    source_features: `[M, D]`, of source examples held out of training.
    source_labels: `[M]` integers, true.
    most: how many target examples to train on at most.
    seed: of the draw from more.

  Returns:
    The accuracy on the source. If the network answers one class only, that
    class's fraction.

  Raises:
    ValueError: as `linear_probe`.

  Source: Zhong, Fan, Yang, Verscheure, Ren, "Cross Validation Framework to
  Choose amongst Models and Datasets for Transfer Learning", 2010; Ganin et
  al., "Domain-Adversarial Training of Neural Networks", 2016, section 5.1.1.
  These train the reverse classifier as the forward one, there a whole adapted
  network with domains exchanged, from the forward weights. Here the features
  stay as they are and the reverse classifier is linear: seconds instead of a
  second training, but it judges the features together with the answers.
  """
  return linear_probe(
    target_features,
    target_predictions,
    source_features,
    source_labels,
    most=most,
    seed=seed,
  )
