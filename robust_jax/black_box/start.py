"""Where decision-based attacks begin: some image that fools the victim."""

from collections.abc import Sequence

import numpy as np

from robust_jax.black_box.queries import Victim

_MAX_DRAWS = 1000


def start_at(
  victim: Victim,
  generators: Sequence[np.random.Generator],
  starts: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
  """A first adversarial image of each example; every look is counted.

  The original comes first, and is kept where it fools the victim as it is.
  Then what is given, then up to 1,000 images of noise.

  Args:
    victim: the victim.
    generators: one per example.
    starts: images `[B, ...]` to begin at, of another class or of the target's;
      None for noise at once. A target is rarely met by noise.

  Returns:
    (start `[B, ...]`, found bool `[B]`); x itself where nothing was found.

  Raises:
    ValueError: starts of another shape than x.

  Source: Chen et al. 2020, "HopSkipJumpAttack", begin at uniform noise.
  Deviation: its two ends are drawn as well, which makes dark, bright and even
  images of it, and finds other classes where the noise of [0, 1] always looks
  alike.
  """
  start = victim.x.copy()
  everyone = np.arange(len(start))
  found = victim.fooled(start, everyone)
  if starts is not None:
    starts = np.asarray(starts, np.float32)
    if starts.shape != start.shape:
      raise ValueError(
        f"starts of shape {starts.shape}: expected {start.shape}, one per "
        "image."
      )
    found = _try(victim, starts[~found], everyone[~found], start, found)
  for _ in range(_MAX_DRAWS):
    missing = np.flatnonzero(~found & (victim.left > 0))
    if not len(missing):
      break
    noise = np.stack([_noise(generators[i], start[i].shape) for i in missing])
    found = _try(victim, noise, missing, start, found)
  return start, found


def _try(victim, images, owner, start, found):
  """Writes the images that fool into `start`; returns who has one now."""
  hit = victim.fooled(images, owner)
  start[owner[hit]] = images[hit]
  return found | np.isin(np.arange(len(found)), owner[hit])


def _noise(generator, shape):
  ends = generator.random(2, np.float32)
  return ends[0] + (ends[1] - ends[0]) * generator.random(shape, np.float32)
