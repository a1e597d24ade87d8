"""A small network that can be trained robustly on a CPU."""

import functools

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.classifiers.image_classifier import ImageClassifier
from robust_jax.models.layers import batch_norm, normalize
from robust_jax.types import Array

# PyTorch's default: uniform with variance 1 / (3 fan_in).
_KERNEL_INIT = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


class SmallCNN(ImageClassifier):
  """Convolutions 16 and 32 (4x4, stride 2), dense 100 and `num_classes`.

  It has 166,406 parameters for 28x28x1 images and 10 classes.

  Attributes:
    num_classes: K.
    mean: mean of the pixels, per channel, in [0, 1].
    std: standard deviation of the pixels, likewise.
    batch_norm: normalization between each convolution and its relu: "none" as
      in the paper, "per_device" or "synchronized", see `layers.batch_norm`.
      With BatchNorm, which takes the mean away, convolutions have no bias.
    dtype: dtype of the computation, see `robust_jax.precision`.

  Source: Wong and Kolter, "Provable Defenses via the Convex Outer Adversarial
  Polytope", 2018, and Wong, Rice and Kolter, "Fast is Better than Free", 2020.
  Kernels have PyTorch's default initialization, as in their code.

  Deviation: biases start at zero instead of uniformly.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import SmallCNN
    >>> init, x = SmallCNN().init, jnp.ones((1, 28, 28, 1))
    >>> variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> sum(leaf.size for leaf in jax.tree.leaves(variables))
    166406
  """

  batch_norm: str = "none"

  def setup(self):
    self.fc2 = nn.Dense(self.num_classes, kernel_init=_KERNEL_INIT)

  def head(self, h: Array, *, train: bool = False) -> Array:
    """Applies the last layer, `fc2`: `[B, 100]` -> logits `[B, K]`."""
    del train
    return self.fc2(h)

  @nn.compact
  def features(self, x: Array, *, train: bool = False) -> Array:
    """Maps x `[B, H, W, C]` in [0, 1] to features `[B, 100]`, 0 or more."""
    norm = functools.partial(batch_norm, self.batch_norm, train=train)
    conv = functools.partial(
      _conv, dtype=self.dtype, use_bias=self.batch_norm == "none"
    )
    x = normalize(x, self.mean, self.std)
    x = nn.relu(norm(name="bn1")(conv(16, name="conv1")(x)))
    x = nn.relu(norm(name="bn2")(conv(32, name="conv2")(x)))
    x = x.reshape(x.shape[0], -1)
    fc1 = nn.Dense(100, dtype=self.dtype, kernel_init=_KERNEL_INIT, name="fc1")
    return nn.relu(fc1(x)).astype(jnp.float32)


def _conv(
  features: int, *, dtype: DTypeLike, use_bias: bool, name: str
) -> nn.Conv:
  return nn.Conv(
    features,
    (4, 4),
    strides=(2, 2),
    padding=((1, 1), (1, 1)),
    use_bias=use_bias,
    dtype=dtype,
    kernel_init=_KERNEL_INIT,
    name=name,
  )
