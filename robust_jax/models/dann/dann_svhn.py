"""The network for SVHN of domain-adversarial training."""

import jax.numpy as jnp
from flax import linen as nn

from robust_jax.models.classifiers.image_classifier import ImageClassifier
from robust_jax.models.classifiers.mlp import MLP
from robust_jax.models.layers import batch_norm, normalize
from robust_jax.types import Array


class DannSvhn(ImageClassifier):
  """Convolutions 64, 64 and 128 (5x5), two poolings; dense 3072, 2048, K.

  It has 31,795,146 parameters and features of 8x8x128 for 32x32x3 images and 10
  classes.

  Attributes:
    num_classes: K.
    mean: mean of the pixels, per channel, in [0, 1]; the paper subtracts the
      mean of source and target together.
    std: standard deviation of the pixels, likewise.
    batch_norm: normalization between each convolution and its relu: "none" as
      in the paper, "per_device" or "synchronized", see `layers.batch_norm`.
    dropout: dropout rate of the head's hidden layers; the paper does not
      specify it.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by
  Backpropagation", 2015, figure 4b: max pooling of 3x3 windows with stride 2
  after the first two convolutions. The paper does not specify padding and
  initialization: here convolutions keep the size and poolings halve it, kernels
  start normal with variance `1 / fan_in` and biases at 0.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import DannSvhn
    >>> init, x = DannSvhn().init, jnp.ones((1, 32, 32, 3))
    >>> variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables))
    31795146
  """

  batch_norm: str = "none"
  dropout: float = 0.0

  def setup(self):
    self.label_predictor = MLP(
      (3072, 2048), self.num_classes, self.dropout, self.dtype
    )

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the dense layers, `label_predictor`: `[B, D]` -> `[B, K]`."""
    return self.label_predictor(h, train=train)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to flattened maps `[B, D]`, 0 or more."""
    x = normalize(x, self.mean, self.std)
    for i, width in enumerate((64, 64, 128), start=1):
      x = nn.Conv(width, (5, 5), dtype=self.dtype, name=f"conv{i}")(x)
      x = nn.relu(batch_norm(self.batch_norm, train=train, name=f"bn{i}")(x))
      if i < 3:
        x = nn.max_pool(x, (3, 3), strides=(2, 2), padding="SAME")
    return x.reshape(x.shape[0], -1).astype(jnp.float32)
