"""The network of the MNIST adversarial-examples challenge."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.layers import normalize
from robust_jax.types import Array

# Cut off at two standard deviations.
_INIT = {
  "kernel_init": nn.initializers.truncated_normal(0.1),
  "bias_init": nn.initializers.constant(0.1),
}


class MadryCNN(nn.Module):
  """Convolutions 32 and 64 (5x5), each pooled 2x2; dense 1024, `num_classes`.

  3,274,634 parameters for 28x28x1 and 10 classes; any image of at least 4x4.

  Attributes:
    num_classes: K.
    mean: of the pixels, per channel, in [0, 1].
    std: of the pixels, likewise.
    dtype: of the computation, see `robust_jax.precision`.

  Source: Madry, Makelov, Schmidt, Tsipras, Vladu, "Towards Deep Learning Models
  Resistant to Adversarial Attacks", 2018; layers and initial values as in the
  challenge's code. Pooling drops an odd last row where that code pads it; a
  28x28 image has none.
  """

  num_classes: int = 10
  mean: tuple[float, ...] = (0.0,)
  std: tuple[float, ...] = (1.0,)
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.fc2 = nn.Dense(self.num_classes, **_INIT)

  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, H, W, C]` in [0, 1] -> logits `[B, K]`; train changes nothing."""
    return self.head(self.features(x, train=train), train=train)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """What the last layer, `fc2`, makes of `features`; logits `[B, K]`."""
    del train
    return self.fc2(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, H, W, C]` in [0, 1] -> `[B, 1024]`, 0 or more."""
    del train
    x = normalize(x, self.mean, self.std)
    options = {"dtype": self.dtype, **_INIT}
    x = _pool(nn.relu(nn.Conv(32, (5, 5), name="conv1", **options)(x)))
    x = _pool(nn.relu(nn.Conv(64, (5, 5), name="conv2", **options)(x)))
    x = x.reshape(x.shape[0], -1)
    x = nn.relu(nn.Dense(1024, name="fc1", **options)(x))
    return x.astype(jnp.float32)


def _pool(x: Array) -> Array:
  return nn.max_pool(x, (2, 2), strides=(2, 2))
