"""The network for MNIST of domain-adversarial training."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.layers import batch_norm, normalize
from robust_jax.types import Array


class DannMnist(nn.Module):
  """Convolutions 32 and 48 (5x5), each pooled 2x2; dense 100, 100, K.

  287,290 parameters for 28x28x3 and 10 classes, whose features are 7x7x48;
  any image of at least 4x4.

  Attributes:
    num_classes: K.
    mean: of the pixels, per channel, in [0, 1]; the paper subtracts that of
      source and target together.
    std: of the pixels, likewise.
    batch_norm: after each convolution, before its relu: "none" as in the
      paper, "per_device" or "synchronized", see `batch_norm`.
    dropout: of the head's hidden layers; 0 in the paper.
    dtype: of the computation, see `robust_jax.precision`.

  Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by
  Backpropagation", 2015, figure 4a. It tells neither padding nor initial
  values: here convolutions keep the size, pooling drops an odd last row,
  kernels start normal with variance 1 / fan_in and biases at 0.
  """

  num_classes: int = 10
  mean: tuple[float, ...] = (0.0,)
  std: tuple[float, ...] = (1.0,)
  batch_norm: str = "none"
  dropout: float = 0.0
  dtype: DTypeLike = jnp.float32

  def setup(self):
    self.label_predictor = MLP(
      (100, 100), self.num_classes, self.dropout, self.dtype
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
    for i, width in enumerate((32, 48), start=1):
      x = nn.Conv(width, (5, 5), dtype=self.dtype, name=f"conv{i}")(x)
      x = batch_norm(self.batch_norm, train=train, name=f"bn{i}")(x)
      x = nn.max_pool(nn.relu(x), (2, 2), strides=(2, 2))
    return x.reshape(x.shape[0], -1).astype(jnp.float32)
