"""The convolution of the residual networks."""

from flax import linen as nn
from jax.typing import DTypeLike


def he_conv(
  features: int, size: int, stride: int, dtype: DTypeLike, *, name: str
) -> nn.Conv:
  """A `size` x `size` convolution without bias, in He initialisation.

  `size // 2` zeros on every side, as PyTorch pads: "SAME" would put the odd
  one of a strided convolution last and shift what published weights see.

  Source: He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015: normal with
  variance 2 / (size^2 features), its backward form (fan out), which the
  original code of both residual networks uses.
  """
  return nn.Conv(
    features,
    (size, size),
    strides=(stride, stride),
    padding=((size // 2, size // 2),) * 2,
    use_bias=False,
    kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
    dtype=dtype,
    name=name,
  )
