"""The network of the MNIST adversarial-examples challenge."""

import jax.numpy as jnp
from flax import linen as nn

from robust_jax.models.classifiers.image_classifier import ImageClassifier
from robust_jax.models.layers import normalize
from robust_jax.types import Array

_KERNEL_INIT = nn.initializers.truncated_normal(0.1)  # truncated at 2 std
_BIAS_INIT = nn.initializers.constant(0.1)


class MadryCNN(ImageClassifier):
  """Convolutions 32 and 64 (5x5), each pooled 2x2; dense 1024, `num_classes`.

  It has 3,274,634 parameters for 28x28x1 images and 10 classes, and accepts
  images of 4x4 and larger.

  Attributes:
    num_classes: K.
    mean: mean of the pixels, per channel, in [0, 1].
    std: standard deviation of the pixels, likewise.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Madry, Makelov, Schmidt, Tsipras and Vladu, "Towards Deep Learning
  Models Resistant to Adversarial Attacks", 2018; layers and initial values as
  in the code of the MNIST challenge.

  Deviation: pooling drops an odd last row, which that code pads; a 28x28 image
  has none.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import MadryCNN
    >>> init, x = MadryCNN().init, jnp.ones((1, 28, 28, 1))
    >>> variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables))
    3274634
  """

  def setup(self):
    self.fc2 = nn.Dense(
      self.num_classes, kernel_init=_KERNEL_INIT, bias_init=_BIAS_INIT
    )

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the last layer, `fc2`: `[B, 1024]` -> logits `[B, K]`."""
    del train
    return self.fc2(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to features `[B, 1024]`, 0 or more."""
    del train
    x = normalize(x, self.mean, self.std)
    for i, width in enumerate((32, 64), start=1):
      conv = nn.Conv(
        width,
        (5, 5),
        dtype=self.dtype,
        kernel_init=_KERNEL_INIT,
        bias_init=_BIAS_INIT,
        name=f"conv{i}",
      )
      x = nn.max_pool(nn.relu(conv(x)), (2, 2), strides=(2, 2))
    fc1 = nn.Dense(
      1024,
      dtype=self.dtype,
      kernel_init=_KERNEL_INIT,
      bias_init=_BIAS_INIT,
      name="fc1",
    )
    return nn.relu(fc1(x.reshape(x.shape[0], -1))).astype(jnp.float32)
