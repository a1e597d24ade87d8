"""A family of changes that takes no time."""

from robust_jax.comparison.transformation import Family, Transformation


def darker(shapes):
  """Seven levels, on the host."""
  del shapes
  change = Transformation(
    "darker",
    lambda images, level: images - images // (16 - level),
    levels=tuple(range(1, 8)),
    labels=tuple(f"by {level}" for level in range(1, 8)),
    on_host=True,
  )
  return Family("Darker.", [change])
