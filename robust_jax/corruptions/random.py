"""Random numbers of corruptions as hashes of an image's key and a position.

The generator of JAX takes twenty rounds over whole arrays: 2 to 3 ms on a CPU
for the values of one 224-pixel image, more than the rest of most corruptions. A
hash of (key, position) takes a thirtieth of that. The numbers are good enough
for noise in images, not for cryptography.
"""

import math
import zlib

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array, Key

# 2^32 / the golden ratio, which maps neighbors far apart.
_GOLDEN = np.uint32(0x9E3779B9)


def image_keys(
  seed: int | Array, ids: Array, name: str, severity: int | Array
) -> Key:
  """Returns one key per image, made of its id, the corruption and severity.

  The corruption of an image depends neither on the rest of its batch nor on
  earlier draws.

  Args:
    seed: seed of the whole evaluation.
    ids: `[B]`, whole numbers from 0 to 2^32 - 1 that identify the images.
    name: name of the corruption.
    severity: whole number from 1 to 5, which may be traced.

  Returns:
    Keys `[B]`.

  Example:
    >>> from robust_jax.corruptions.random import image_keys
    >>> ab = image_keys(0, ids=[7, 3], name="fog", severity=1)
    >>> ba = image_keys(0, ids=[3, 7], name="fog", severity=1)
    >>> bool((ab == ba[::-1]).all())
    True
  """
  key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))
  key = jax.random.fold_in(key, severity)
  fold = lambda i: jax.random.fold_in(key, i)
  return jax.vmap(fold)(jnp.asarray(ids).astype(jnp.uint32))


def bits(keys: Key, shape: tuple[int, ...], stream: int = 0) -> Array:
  """Draws random bits, `[B, *shape]` uint32.

  A counter times an odd number is mixed with each half of the key in turn, by a
  permutation of 32 bits with hardly any bias.

  Args:
    keys: `[B]`, one key per image.
    shape: shape of the numbers of one image.
    stream: index of an independent stream for the same image.

  Source: Wellons 2018, "Prospecting for hash functions", for the permutation.
  """
  data = jax.random.key_data(keys).reshape(keys.shape[0], -1)
  first, second = data[:, :1], data[:, -1:] + jnp.uint32(stream) * _GOLDEN
  counter = jnp.arange(math.prod(shape), dtype=jnp.uint32) * _GOLDEN
  hashed = _mix(_mix(counter + first) ^ second)
  return hashed.reshape(-1, *shape)


def uniform(
  keys: Key,
  shape: tuple[int, ...],
  low: float = 0.0,
  high: float = 1.0,
  stream: int = 0,
) -> Array:
  """Draws uniform numbers `[B, *shape]` in [low, high), with 24 random bits."""
  unit = (bits(keys, shape, stream) >> 8).astype(jnp.float32) * 2.0**-24
  return low + (high - low) * unit


def normal(keys: Key, shape: tuple[int, ...], stream: int = 0) -> Array:
  """Draws standard normal numbers `[B, *shape]`, of magnitude 5.6 at most."""
  # Centers of 2^24 equal parts of (-1, 1), where the inverse is finite.
  whole = (bits(keys, shape, stream) >> 8).astype(jnp.int32)
  middle = (2 * whole + 1 - (1 << 24)).astype(jnp.float32) * 2.0**-24
  return math.sqrt(2) * jax.scipy.special.erfinv(middle)


def below(
  keys: Key, shape: tuple[int, ...], limit: int | Array, stream: int = 0
) -> Array:
  """Draws whole numbers from 0 to limit - 1, `[B, *shape]` int32.

  Probabilities are exact to 2^-20.

  Args:
    keys: `[B]`, one key per image.
    shape: shape of the numbers of one image.
    limit: at most 2^12; may be traced.
    stream: index of an independent stream for the same image.
  """
  scaled = (bits(keys, shape, stream) >> 12) * jnp.asarray(limit, jnp.uint32)
  return (scaled >> 20).astype(jnp.int32)


def _mix(h: Array) -> Array:
  h = (h ^ (h >> 16)) * jnp.uint32(0x7FEB352D)
  h = (h ^ (h >> 15)) * jnp.uint32(0x846CA68B)
  return h ^ (h >> 16)
