"""Reverse validation of an adapted network, without target labels."""

import numpy as np

from robust_jax.probes.linear_probe import linear_probe


def reverse_validation(
  target_features: np.ndarray,
  target_predictions: np.ndarray,
  source_features: np.ndarray,
  source_labels: np.ndarray,
  *,
  max_examples: int = 4000,
  seed: int = 0,
) -> float:
  """Reverse validation: source accuracy of a classifier trained on the target.

  A fresh linear classifier is trained on target features, with the network's
  predictions as labels, and evaluated on labeled source examples. Its accuracy
  is low if the features of the domains are far apart, or if classes have
  merged. It does not detect target classes that are mapped to other classes of
  the source, because the error is the same in both directions. It can rank
  models, but it does not prove that one is good.

  Args:
    target_features: features `[N, D]` of target examples.
    target_predictions: classes `[N]` that the network predicts for them.
    source_features: features `[M, D]` of held-out source examples.
    source_labels: their true classes `[M]`.
    max_examples: number of target examples to train on; of more, a random
      subset is drawn.
    seed: seed of that draw.

  Returns:
    The accuracy on the source. If the network predicts a single class, it is
    the fraction of that class.

  Raises:
    ValueError: as `linear_probe`.

  Source: Zhong, Fan, Yang, Verscheure and Ren, "Cross Validation Framework to
  Choose amongst Models and Datasets for Transfer Learning", 2010; Ganin et al.,
  "Domain-Adversarial Training of Neural Networks", 2016, section 5.1.1.

  Deviation: the features are fixed and the reverse classifier is linear. In the
  papers it is trained like the forward one; in the latter it is a whole adapted
  network with exchanged domains, initialized with the forward weights. Ours
  takes seconds instead of a second training, and evaluates the features
  together with the predictions.

  Example:
    >>> import numpy as np
    >>> from robust_jax.probes.reverse_validation import reverse_validation
    >>> features, labels = np.arange(8.0)[:, None], np.arange(8) // 4
    >>> reverse_validation(features, labels, features, labels)
    1.0
  """
  return linear_probe(
    target_features,
    target_predictions,
    source_features,
    source_labels,
    max_examples=max_examples,
    seed=seed,
  )
