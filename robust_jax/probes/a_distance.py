"""Proxy A-distance: how well a linear classifier tells two domains apart."""

import numpy as np

from robust_jax.probes.linear_probe import linear_probe


def a_distance(
  source_features: np.ndarray,
  target_features: np.ndarray,
  *,
  max_examples: int = 4000,
  seed: int = 0,
) -> float:
  """Computes the proxy A-distance of two domains.

      max(0, 2 (1 - 2 error))

  The error is the held-out error of a fresh `linear_probe` that is trained on
  one half of each domain and evaluated on the other. Equal numbers of examples
  of both domains are drawn. The distance is 0 if the domains cannot be told
  apart linearly and 2 if the probe makes no error. The adversary of the
  training is not used, because it may fail where a fresh classifier does not.

  Use features of held-out examples: on training examples the domains can look
  closer than they are.

  Args:
    source_features: `[N, D]`.
    target_features: `[M, D]`.
    max_examples: number of training examples of both domains together.
    seed: seed of the draw and of the halves.

  Returns:
    The distance, from 0 to 2.

  Raises:
    ValueError: features do not fit or are not finite, or there are fewer than
      two of a domain.

  Source: Ben-David, Blitzer, Crammer and Pereira, "Analysis of Representations
  for Domain Adaptation", 2007.

  Deviation: the distance is 0 for errors above one half, which occur by chance
  for equal domains.

  Example:
    >>> import numpy as np
    >>> from robust_jax.probes.a_distance import a_distance
    >>> features = np.random.default_rng(0).normal(size=(20, 2))
    >>> a_distance(features, features + 100.0)
    2.0
  """
  domains = [np.asarray(z) for z in (source_features, target_features)]
  shapes = [z.shape for z in domains]
  size = min(shape[0] for shape in shapes)
  if len(shapes[0]) != 2 or shapes[0][1:] != shapes[1][1:] or size < 2:
    raise ValueError(
      f"source features of shape {shapes[0]}, target features of shape "
      f"{shapes[1]}: expected [N, D] and [M, D], N and M 2 or more."
    )
  rng = np.random.default_rng(seed)
  training, held_out = [], []
  for features in domains:
    drawn = features[rng.permutation(len(features))[:size]]
    training.append(drawn[: min(size // 2, max(max_examples // 2, 1))])
    held_out.append(drawn[size // 2 :])
  accuracy = linear_probe(
    np.concatenate(training),
    _domains(training),
    np.concatenate(held_out),
    _domains(held_out),
    max_examples=max_examples,
  )
  error = 1 - accuracy
  return max(0.0, 2 * (1 - 2 * error))


def _domains(parts):
  return np.repeat([0, 1], [len(part) for part in parts])
