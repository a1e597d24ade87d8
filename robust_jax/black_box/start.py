"""Starting points of decision-based attacks: images that are adversarial."""

from collections.abc import Sequence

import numpy as np

from robust_jax.black_box.queries import Victim

_MAX_DRAWS = 1000


def starting_points(
  victim: Victim,
  generators: Sequence[np.random.Generator],
  starts: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
  """Finds a first adversarial image for each example; all queries are counted.

  The original is tried first, and kept if it is adversarial itself. Then the
  given starts are tried, then up to 1,000 images of noise.

  Args:
    victim: the victim.
    generators: one random number generator per example.
    starts: images `[B, ...]` of another class, or of the target's; None to
      begin with noise. Noise rarely finds a target.

  Returns:
    (start `[B, ...]`, found bool `[B]`); x itself where nothing was found.

  Raises:
    ValueError: starts have another shape than x.

  Source: Chen et al. 2020, "HopSkipJumpAttack", begin with uniform noise.

  Deviation: the two ends of its range are drawn as well, which gives dark,
  bright and even images, and finds other classes where noise on all of [0, 1]
  is always of one class.
  """
  start = victim.x.copy()
  everyone = np.arange(len(start))
  found = victim.is_adversarial(start, everyone)
  if starts is not None:
    starts = np.asarray(starts, np.float32)
    if starts.shape != start.shape:
      raise ValueError(
        f"starts of shape {starts.shape}: expected {start.shape}, one per "
        "image."
      )
    found = _try(victim, starts[~found], everyone[~found], start, found)
  for _ in range(_MAX_DRAWS):
    missing = np.flatnonzero(~found & (victim.remaining > 0))
    if not len(missing):
      break
    noise = np.stack(
      [_noise(generators[i], start[i].shape) for i in missing.tolist()]
    )
    found = _try(victim, noise, missing, start, found)
  return start, found


def _try(victim, images, owner, start, found):
  """Writes adversarial images into `start`; returns where one is found now."""
  success = victim.is_adversarial(images, owner)
  start[owner[success]] = images[success]
  return found | np.isin(np.arange(len(found)), owner[success])


def _noise(generator, shape):
  ends = generator.random(2, np.float32)
  return ends[0] + (ends[1] - ends[0]) * generator.random(shape, np.float32)
