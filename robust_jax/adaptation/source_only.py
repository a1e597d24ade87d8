"""No adaptation, the baseline of every method."""

from robust_jax.adaptation.records import Alignment


def source_only() -> Alignment:
  """Source only: no alignment, the baseline of every method.

  Target inputs are not used, except for BatchNorm statistics where the task
  asks for them.

  Example:
    >>> from robust_jax import adaptation
    >>> adaptation.source_only().loss is None
    True
  """
  return Alignment(lambda key, view: {}, None, adversarial=False)
