"""No adaptation: what every method has to beat."""

from robust_jax.adaptation.records import Alignment


def source_only() -> Alignment:
  """Nothing is aligned; the target's images are not looked at."""
  return Alignment(lambda key, view: {}, None, adversarial=False)
