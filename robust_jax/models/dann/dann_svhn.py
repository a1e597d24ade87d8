"""The network for SVHN of domain-adversarial training."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.layers import batch_norm, normalize
from robust_jax.types import Array


class DannSvhn(nn.Module):
  """Convolutions 64, 64 and 128 (5x5), two poolings; dense 3072, 2048, K.

  31,795,146 parameters for 32x32x3 and 10 classes, whose features are 8x8x128.

  Attributes:
    num_classes: K.
    mean: of the pixels, per channel, in [0, 1]; the paper subtracts that of
      source and target together.
    std: of the pixels, likewise.
    batch_norm: after each convolution, before its relu: "none" as in the
      paper, "per_device" or "synchronized", see `batch_norm`.
    dropout: of the head's hidden layers. The paper leaves its rate open.
    dtype: of the computation, see `robust_jax.precision`.

  Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by
  Backpropagation", 2015, figure 4b: 3x3 windows, two pixels apart, are pooled
  after the first two convolutions. It tells neither padding nor initial
  values: here convolutions keep the size and poolings halve it, kernels start
  normal with variance 1 / fan_in and biases at 0.
  """

  num_classes: int = 10
  mean: tuple[float, ...] = (0.0,)
  std: tuple[float, ...] = (1.0,)
  batch_norm: str = "none"
  dropout: float = 0.0
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.label_predictor = MLP(
      (3072, 2048), self.num_classes, self.dropout, self.dtype
    )

  def __call__(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, H, W, C]` in [0, 1] -> logits `[B, K]`.

    `train` matters to `batch_norm` and `dropout` only.
    """
    return self.head(self.features(x, train=train), train=train)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """What the dense layers, `label_predictor`, make of `features`."""
    return self.label_predictor(h, train=train)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """x `[B, H, W, C]` in [0, 1] -> flattened maps `[B, D]`, 0 or more."""
    x = normalize(x, self.mean, self.std)
    for i, width in enumerate((64, 64, 128), start=1):
      x = nn.Conv(width, (5, 5), dtype=self.dtype, name=f"conv{i}")(x)
      x = nn.relu(batch_norm(self.batch_norm, train=train, name=f"bn{i}")(x))
      if i < 3:
        x = nn.max_pool(x, (3, 3), strides=(2, 2), padding="SAME")
    return x.reshape(x.shape[0], -1).astype(jnp.float32)
