"""Samples of a generator for fixed latents, for its run's `pictures`."""

from collections.abc import Callable, Mapping
from typing import Any

from experiments.sample import ImageGrid, draw_samples
from robust_jax import checks
from robust_jax.models.inference import Generator


def generated_samples(
  num_examples: int = 64, seed: int = 0, truncation: float | None = None
) -> Mapping[str, Callable[[Any], ImageGrid]]:
  """Samples of latents that stay the same, and a walk between some of them.

  Args:
    num_examples: as for `sample.draw_samples`.
    seed: of the latents.
    truncation: as for `models.inference.Generator.latents`.

  Returns:
    The functions "samples" and "walk" of a generator.

  Raises:
    ValueError: num_examples is below 1. The functions raise it if what is
      deployed is no generator of images.
  """
  checks.at_least_one("pictures.num_examples", num_examples)

  def draw(deployed: Any, walk: bool) -> ImageGrid:
    if not isinstance(deployed, Generator):
      raise ValueError(
        "pictures.name = generated_samples: expected a run that deploys a "
        "generator, as that of the task 'gan' does."
      )
    return draw_samples(
      deployed, num_examples, seed=seed, truncation=truncation, walk=walk
    )

  return {
    "samples": lambda deployed: draw(deployed, walk=False),
    "walk": lambda deployed: draw(deployed, walk=True),
  }
