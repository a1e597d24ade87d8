"""How well a linear classifier tells two domains apart."""

import numpy as np

from robust_jax.probes.linear_probe import linear_probe


def a_distance(
  source_features: np.ndarray,
  target_features: np.ndarray,
  *,
  most: int = 4000,
  seed: int = 0,
) -> float:
  """The proxy A-distance of two domains, `2 (1 - 2 error)`, 0 at least.

  The error is that of a `linear_probe` trained on one half of each domain and
  judged on the other. Of the larger domain as many examples are drawn as the
  smaller has, so that guessing errs half the time: 0 says that a fresh linear
  classifier cannot tell the domains apart, 2 that it never errs. The network
  that was trained against the features is not asked, since losing that game
  may be its own fault.

  Give features of examples that trained nothing: those of training examples
  can look closer than the domains are.

  Args:
    source_features: `[N, D]`.
    target_features: `[M, D]`.
    most: how many examples to train on at most, of both together.
    seed: of the draw and the halves.

  Raises:
    ValueError: features that do not fit, are not finite, or fewer than two of
      a domain.

  Source: Ben-David, Blitzer, Crammer, Pereira, "Analysis of Representations
  for Domain Adaptation", 2007; 0 where the error is above a half, as chance
  makes it for equal domains.
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
  trained, held_out = [], []
  for features in domains:
    drawn = features[rng.permutation(len(features))[:size]]
    trained.append(drawn[: min(size // 2, max(most // 2, 1))])
    held_out.append(drawn[size // 2 :])
  accuracy = linear_probe(
    np.concatenate(trained),
    _domains(trained),
    np.concatenate(held_out),
    _domains(held_out),
    most=most,
  )
  error = 1 - accuracy
  return max(0.0, 2 * (1 - 2 * error))


def _domains(parts):
  return np.repeat([0, 1], [len(part) for part in parts])
