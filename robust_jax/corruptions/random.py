"""Random numbers of corruptions: functions of the image's key alone.

JAX's own generator makes twenty rounds over whole arrays: on a CPU, 2 to 3 ms
for the values of one 224-pixel image, more than all else that most corruptions
do. Here a number is a hash of (key, place), in a thirtieth of that. Good enough
for noise in images; not for secrets.
"""

import math
import zlib

import jax
import jax.numpy as jnp
import numpy as np

from robust_jax.types import Array, Key

# 2^32 / the golden ratio, by which neighbors get far apart.
_GOLDEN = np.uint32(0x9E3779B9)


def image_keys(
  seed: int | Array, ids: Array, name: str, severity: int | Array
) -> Key:
  """One key per image, of its id, the corruption and the severity.

  An image's corruption depends neither on the batch that it is in nor on what
  was drawn before.

  Args:
    seed: of the whole evaluation.
    ids: `[B]`, whole numbers that tell images apart, from 0 to 2^32 - 1.
    name: of the corruption.
    severity: 1 to 5; may be traced.

  Returns:
    Keys `[B]`.
  """
  key = jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))
  key = jax.random.fold_in(key, severity)
  fold = lambda i: jax.random.fold_in(key, i)
  return jax.vmap(fold)(jnp.asarray(ids).astype(jnp.uint32))


def bits(keys: Key, shape: tuple[int, ...], stream: int = 0) -> Array:
  """`[B, *shape]`, uint32.

  A counter times an odd number, mixed with each half of the key in turn by a
  permutation of 32 bits with hardly any bias.

  Args:
    keys: `[B]`.
    shape: of one image's numbers.
    stream: which of the draws for the same image; every one is independent.

  Source: Wellons 2018, "Prospecting for hash functions", the permutation.
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
  """`[B, *shape]` in [low, high), in steps of 2^-24 of the range."""
  unit = (bits(keys, shape, stream) >> 8).astype(jnp.float32) * 2.0**-24
  return low + (high - low) * unit


def normal(keys: Key, shape: tuple[int, ...], stream: int = 0) -> Array:
  """`[B, *shape]`, standard normal; none is beyond 5.6."""
  # The middles of 2^24 equal parts of (-1, 1), where the inverse is finite.
  whole = (bits(keys, shape, stream) >> 8).astype(jnp.int32)
  middle = (2 * whole + 1 - (1 << 24)).astype(jnp.float32) * 2.0**-24
  return math.sqrt(2) * jax.scipy.special.erfinv(middle)


def below(
  keys: Key, shape: tuple[int, ...], limit: int | Array, stream: int = 0
) -> Array:
  """`[B, *shape]`, int32 from 0 to limit - 1; limit, at most 2^12, is traced.

  Each has its probability within a 2^-20th.
  """
  scaled = (bits(keys, shape, stream) >> 12) * jnp.asarray(limit, jnp.uint32)
  return (scaled >> 20).astype(jnp.int32)


def _mix(h: Array) -> Array:
  h = (h ^ (h >> 16)) * jnp.uint32(0x7FEB352D)
  h = (h ^ (h >> 15)) * jnp.uint32(0x846CA68B)
  return h ^ (h >> 16)
