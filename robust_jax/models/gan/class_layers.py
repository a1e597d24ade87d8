"""Layers of class-conditional GANs: modulated BatchNorm and self-attention."""

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike

from robust_jax.models.layers import batch_norm
from robust_jax.models.spectral_norm import spectral_norm
from robust_jax.types import Array

ORTHOGONAL = nn.initializers.orthogonal()


class ModulatedBatchNorm(nn.Module):
  """BatchNorm whose gain and bias are linear in a vector of each example.

      (1 + A v) norm(h) + B v

  With an embedding of the class in v it is class-conditional BatchNorm, with
  only a part of the latent it is self-modulation. Where v is 0 it is BatchNorm
  with a gain of 1 and no bias.

  Attributes:
    batch_norm: as for `layers.batch_norm`.
    spectral_norm: whether A and B are divided by their largest singular value.
    dtype: dtype of A v and B v; the rest is float32.

  Source: Dumoulin et al. 2017, "A learned representation for artistic style",
  section 2.2; Chen et al. 2019, "On self modulation for generative adversarial
  networks", equation 2; linear in a shared embedding as in Brock et al. 2019,
  "Large scale GAN training for high fidelity natural image synthesis", appendix
  B.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.gan.class_layers import ModulatedBatchNorm
    >>> h, v = jnp.ones((2, 1, 1, 3)), jnp.zeros((2, 4))
    >>> layer = ModulatedBatchNorm()
    >>> y, _ = layer.init_with_output(jax.random.key(0), h, v, train=True)
    >>> y[0].ravel().tolist()
    [0.0, 0.0, 0.0]
  """

  batch_norm: str = "per_device"
  spectral_norm: bool = False
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, h: Array, v: Array, *, train: bool = False) -> Array:
    """Maps features `[B, H, W, C]` and vectors `[B, V]` to `[B, H, W, C]`."""

    def linear(name):
      dense = nn.Dense(
        h.shape[-1],
        use_bias=False,
        kernel_init=ORTHOGONAL,
        dtype=self.dtype,
        name=name,
      )
      normed = spectral_norm(dense, train=train, enabled=self.spectral_norm)
      return normed(v).astype(jnp.float32)[:, None, None]

    norm = batch_norm(self.batch_norm, train=train, name="norm", affine=False)
    return (1 + linear("gain")) * norm(h) + linear("bias")


class SelfAttention(nn.Module):
  """Adds to each pixel what it attends to in the whole image.

      h + gamma conv1x1(softmax(q k') v)

  q, k and v are 1x1 convolutions of h with an eighth, an eighth and half of its
  channels; k and v are then max pooled by two. gamma is 0 at the beginning, so
  that the layer is the identity.

  Attributes:
    spectral_norm: whether kernels are divided by their largest singular value.
    dtype: dtype of the computation; the softmax is float32.

  Source: Zhang et al. 2019, "Self-attention generative adversarial networks",
  section 3, with the pooling of the published code.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models.gan.class_layers import SelfAttention
    >>> h = jnp.arange(32.0).reshape(1, 2, 2, 8)
    >>> y, _ = SelfAttention().init_with_output(jax.random.key(0), h)
    >>> bool((y == h).all())
    True
  """

  spectral_norm: bool = False
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, h: Array, *, train: bool = False) -> Array:
    """Maps features `[B, H, W, C]` to `[B, H, W, C]`."""
    width = h.shape[-1]

    def conv(x, features, name):
      layer = nn.Conv(
        max(1, features),
        (1, 1),
        use_bias=False,
        kernel_init=ORTHOGONAL,
        dtype=self.dtype,
        name=name,
      )
      return spectral_norm(layer, train=train, enabled=self.spectral_norm)(x)

    def pooled(x):
      x = nn.max_pool(x, (2, 2), strides=(2, 2), padding="SAME")
      return _pixels(x)

    query = _pixels(conv(h, width // 8, "query"))
    key = pooled(conv(h, width // 8, "key"))
    value = pooled(conv(h, width // 2, "value"))
    scores = jnp.einsum("bqc,bkc->bqk", query, key).astype(jnp.float32)
    weights = nn.softmax(scores).astype(self.dtype)
    seen = jnp.einsum("bqk,bkc->bqc", weights, value)
    seen = conv(seen.reshape(*h.shape[:3], -1), width, "output")
    gamma = self.param("gamma", nn.initializers.zeros, ())
    return h + gamma.astype(h.dtype) * seen.astype(h.dtype)


def check_labels(
  labels: Array | None, num_classes: int, *, conditional: bool
) -> None:
  """Checks the label vectors that a network is given.

  Raises:
    ValueError: they are not `[B, num_classes]`, or are given to a network that
      is not conditional.
  """
  if not conditional:
    if labels is not None:
      raise ValueError(
        "labels for a network with conditional = False: expected none."
      )
  elif labels is None or labels.shape[1:] != (num_classes,):
    given = None if labels is None else labels.shape
    raise ValueError(
      f"label vectors of shape {given}: expected [B, {num_classes}], one "
      "number for each class; set conditional = False for a network without."
    )


def _pixels(x: Array) -> Array:
  """Makes `[B, H W, C]` of `[B, H, W, C]`."""
  return x.reshape(len(x), -1, x.shape[-1])
