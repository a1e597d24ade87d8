"""Models behind a fixed transformation of their input.

Each is `logits_fn(transform(x))`, a `Model` like any other and a pytree of the
model's parameters. Where the transformation has no useful derivative, the
identity stands in for it (`defenses.bpda`), so that attacks on the wrapper are
adaptive. They cost one pass, as the model does.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax import checks
from robust_jax.corruptions.jpeg_compression import compress
from robust_jax.corruptions.matrices import gaussian
from robust_jax.defenses.bpda import bpda
from robust_jax.models.as_pytree import as_pytree
from robust_jax.types import Array, Model


def bit_depth(logits_fn: Model, bits: int = 3) -> Model:
  """Bit-depth reduction: a model that sees `2^bits` levels of each channel.

      f(round(x (2^bits - 1)) / (2^bits - 1))

  Args:
    logits_fn: x `[B, ...]` in [0, 1] -> logits `[B, K]`.
    bits: of each value, 1 to 8.

  Raises:
    ValueError: bits is not a whole number from 1 to 8.

  Source: Xu, Evans and Qi 2018, "Feature Squeezing", section 3.1. Deviation:
  squeezing alone, without their detector, which compares the outputs of the
  squeezed and the original input.

  Example:
    >>> import jax.numpy as jnp
    >>> model = bit_depth(lambda x: x, bits=1)
    >>> model(jnp.array([[0.2, 0.7]]))
    Array([[0., 1.]], dtype=float32)
  """
  checks.at_least_one("bits", bits)
  checks.at_most("bits", bits, 8)
  return _behind(_Levels(2**bits - 1), logits_fn)


def jpeg(logits_fn: Model, quality: int = 75) -> Model:
  """JPEG compression: a model that sees images as stored at a quality.

  Args:
    logits_fn: x `[B, H, W, C]` in [0, 1], C 1 or 3 -> logits `[B, K]`.
    quality: 1 to 100, as libjpeg counts it.

  Raises:
    ValueError: quality is not a whole number from 1 to 100.

  Source: Dziugaite, Ghahramani and Roy 2016, "A study of the effect of JPG
  compression on adversarial images"; Guo et al. 2018, "Countering Adversarial
  Images using Input Transformations", broken by BPDA in Athalye et al. 2018,
  section 5.3.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> model = jpeg(lambda x: x.mean((1, 2)), quality=10)
    >>> jax.jit(model)(jnp.ones((2, 8, 8, 3))).shape
    (2, 3)
  """
  checks.at_least_one("quality", quality)
  checks.at_most("quality", quality, 100)
  return _behind(_Jpeg(quality), logits_fn)


def median_smoothing(logits_fn: Model, size: int = 3) -> Model:
  """Median filter: each value becomes the median of the window around it.

  The filter has a derivative, that of the pixel which is the median, and is
  attacked through it. The border is mirrored, as SciPy's "reflect" does.

  Args:
    logits_fn: x `[B, H, W, C]` in [0, 1] -> logits `[B, K]`.
    size: side of the window in pixels, 2 or more. The window of an even side
      reaches one pixel farther up and left, and the upper of its two medians
      counts.

  Raises:
    ValueError: size is not a whole number above 1.

  Source: Xu, Evans and Qi 2018, "Feature Squeezing", section 3.2.

  Example:
    >>> import jax.numpy as jnp
    >>> spot = jnp.zeros((1, 5, 5, 1)).at[0, 2, 2].set(1.0)
    >>> float(median_smoothing(lambda x: x, size=3)(spot).max())
    0.0
  """
  checks.at_least_one("size - 1", size - 1)
  return _behind(_Median(size), logits_fn)


def gaussian_smoothing(logits_fn: Model, sigma: float = 1.0) -> Model:
  """Gaussian blur: each value becomes a weighted mean of those around it.

  The blur is linear, and attacked through its own derivative. The border is
  mirrored.

  Args:
    logits_fn: x `[B, H, W, C]` in [0, 1] -> logits `[B, K]`.
    sigma: standard deviation in pixels; the kernel ends at four of it.

  Raises:
    ValueError: sigma is not positive.

  Source: Xu, Evans and Qi 2018, "Feature Squeezing", section 3.2, name it among
  the smoothing filters.

  Example:
    >>> import jax.numpy as jnp
    >>> model = gaussian_smoothing(lambda x: x, sigma=0.5)
    >>> bool(jnp.allclose(model(jnp.ones((1, 4, 4, 1))), 1.0))
    True
  """
  checks.positive("sigma", sigma)
  return _behind(_Gaussian(float(sigma)), logits_fn)


def _behind(transform: Callable[[Array], Array], logits_fn: Model) -> Model:
  return jax.tree_util.Partial(_Transformed(transform), as_pytree(logits_fn))


@dataclasses.dataclass(frozen=True)
class _Transformed:
  """Equal where the transformations are, so that nothing is recompiled."""

  transform: Callable[[Array], Array]

  def __call__(self, logits_fn: Model, x: Array) -> Array:
    return logits_fn(self.transform(x))


@dataclasses.dataclass(frozen=True)
class _Levels:
  highest: int

  def __call__(self, x: Array) -> Array:
    return bpda(lambda x: jnp.round(x * self.highest) / self.highest)(x)


@dataclasses.dataclass(frozen=True)
class _Jpeg:
  quality: int

  def __call__(self, x: Array) -> Array:
    stored = lambda x: compress(x, self.quality).astype(x.dtype)
    return bpda(stored)(x)


@dataclasses.dataclass(frozen=True)
class _Median:
  size: int

  def __call__(self, x: Array) -> Array:
    before, after = self.size // 2, (self.size - 1) // 2
    around = ((0, 0), (before, after), (before, after), (0, 0))
    padded = jnp.pad(x, around, "symmetric")
    height, width = x.shape[1:3]
    windows = [
      padded[:, down : down + height, across : across + width]
      for down, across in np.ndindex(self.size, self.size)
    ]
    # Odd-even transposition: all comparisons are of whole images.
    for round_index in range(len(windows)):
      for i in range(round_index % 2, len(windows) - 1, 2):
        a, b = windows[i : i + 2]
        windows[i : i + 2] = jnp.minimum(a, b), jnp.maximum(a, b)
    return windows[len(windows) // 2]


@dataclasses.dataclass(frozen=True)
class _Gaussian:
  sigma: float

  def __call__(self, x: Array) -> Array:
    down, across = (
      gaussian(n, jnp.float32(self.sigma), self.sigma, 4.0, "symmetric")
      for n in x.shape[1:3]
    )
    return jnp.einsum(
      "ij,bjwc,kw->bikc", down, x, across, precision="highest"
    ).astype(x.dtype)
