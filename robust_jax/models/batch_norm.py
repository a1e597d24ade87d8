"""Which examples a batch statistic is taken over, chosen in one place."""

from collections.abc import Callable

from flax import linen as nn

from robust_jax.parallel import AXIS
from robust_jax.types import Array

_AXIS_NAMES = {"per_device": None, "synchronised": AXIS}


def batch_norm(
  statistics: str, *, train: bool, name: str
) -> Callable[[Array], Array]:
  """Batch normalisation over all axes but the channels.

  Running averages live in the collection "batch_stats" and move by a tenth
  per training step. With `train=False` they are frozen and are what
  normalises: the model that an attack sees does not depend on the batch.
  Statistics, arithmetic and result are float32, whatever the model computes in.

  Args:
    statistics: what a training step normalises with: "per_device", each
      device's share of the batch, or "synchronised", the whole batch, averaged
      over `parallel.AXIS`. Running averages of "per_device" differ between
      devices, so the step averages them itself. With "none" there is no layer.
    train: batch statistics (True) or running averages (False).
    name: the name of the layer.

  Raises:
    ValueError: statistics is none of these.

  Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network
  Training by Reducing Internal Covariate Shift", 2015. PyTorch's defaults;
  unlike there, the running variance is the biased one that normalises.
  """
  if statistics == "none":
    return lambda x: x
  if statistics not in _AXIS_NAMES:
    raise ValueError(
      f"batch_norm = {statistics!r}: wanted 'per_device' (statistics of each "
      "device's share of the batch), 'synchronised' (of the whole batch) or "
      "'none'."
    )
  return nn.BatchNorm(
    use_running_average=not train,
    axis_name=_AXIS_NAMES[statistics],
    momentum=0.9,
    epsilon=1e-5,
    name=name,
  )
