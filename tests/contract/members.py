"""The members that the contracts are held against, found, not listed."""

import inspect

import jax
import jax.numpy as jnp

from robust_jax import lookup
from robust_jax.types import PerturbationSet

SETS = lookup.members("perturbations")
SEARCHES = lookup.members("search")


def make_set(name: str, eps=0.1) -> PerturbationSet:
  """A set by name; one that has no eps is made with its defaults."""
  factory = lookup.find("perturbations", name)
  if "eps" in inspect.signature(factory).parameters:
    return factory(eps)
  return factory()


def deterministic(name: str):
  """A search by name that starts at the clean point where it can."""
  search = lookup.find("search", name)
  if "random_start" not in inspect.signature(search).parameters:
    return search
  return lambda *args, **hyper: search(*args, random_start=False, **hyper)


def images(batch_size: int = 6, low: float = 0.0, high: float = 1.0):
  """Random images `[B, 6, 6, 1]`."""
  return jax.random.uniform(
    jax.random.key(7), (batch_size, 6, 6, 1), jnp.float32, low, high
  )


def bumpy(x):
  """A smooth objective with many maxima, `[B, ...]` -> `[B]`."""
  flat = x.reshape(x.shape[0], -1)
  phase = jnp.arange(flat.shape[1])
  return jnp.sum(jnp.sin(9 * flat + phase) * jnp.cos(phase), axis=1)
