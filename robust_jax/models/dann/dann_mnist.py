"""The network for MNIST of domain-adversarial training."""

import jax.numpy as jnp
from flax import linen as nn

from robust_jax.models.classifiers.image_classifier import ImageClassifier
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.layers import batch_norm, normalize
from robust_jax.types import Array


class DannMnist(ImageClassifier):
  """Convolutions 32 and 48 (5x5), each pooled 2x2; dense 100, 100, K.

  It has 287,290 parameters and features of 7x7x48 for 28x28x3 images and 10
  classes, and accepts images of 4x4 and larger.

  Attributes:
    num_classes: K.
    mean: mean of the pixels, per channel, in [0, 1]; the paper subtracts the
      mean of source and target together.
    std: standard deviation of the pixels, likewise.
    batch_norm: normalization between each convolution and its relu: "none" as
      in the paper, "per_device" or "synchronized", see `layers.batch_norm`.
    dropout: dropout rate of the head's hidden layers; 0 in the paper.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by
  Backpropagation", 2015, figure 4a. The paper does not specify padding and
  initialization: here convolutions keep the size, pooling drops an odd last
  row, kernels start normal with variance `1 / fan_in` and biases at 0.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import DannMnist
    >>> init, x = DannMnist().init, jnp.ones((1, 28, 28, 3))
    >>> variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables))
    287290
  """

  batch_norm: str = "none"
  dropout: float = 0.0

  def setup(self):
    self.label_predictor = MLP(
      (100, 100), self.num_classes, self.dropout, self.dtype
    )

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the dense layers, `label_predictor`: `[B, D]` -> `[B, K]`."""
    return self.label_predictor(h, train=train)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to flattened maps `[B, D]`, 0 or more."""
    x = normalize(x, self.mean, self.std)
    for i, width in enumerate((32, 48), start=1):
      x = nn.Conv(width, (5, 5), dtype=self.dtype, name=f"conv{i}")(x)
      x = batch_norm(self.batch_norm, train=train, name=f"bn{i}")(x)
      x = nn.max_pool(nn.relu(x), (2, 2), strides=(2, 2))
    return x.reshape(x.shape[0], -1).astype(jnp.float32)
