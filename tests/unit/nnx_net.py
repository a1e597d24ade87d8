"""A network of flax.nnx, where that can be imported."""

import functools
import importlib

import pytest


@functools.cache
def has_nnx():
  """Returns whether flax can import nnx: 0.12.8 cannot on jax 0.11."""
  try:
    importlib.import_module("flax.nnx")
  except AttributeError:
    return False
  return True


def nnx_net(seed, traces):
  """A network with all that has a state, BatchNorm and dropout, in training.

  Args:
    seed: of its parameters.
    traces: gets an entry for each call.
  """
  if not has_nnx():
    pytest.skip("this flax cannot import nnx on this jax")
  return _class()(seed, traces.append)


@functools.cache
def _class():
  from flax import nnx

  class Net(nnx.Module):
    def __init__(self, seed, note):
      rngs = nnx.Rngs(seed)
      self.norm = nnx.BatchNorm(16, rngs=rngs)
      self.drop = nnx.Dropout(0.5, rngs=rngs)
      self.head = nnx.Linear(16, 3, rngs=rngs)
      self.note = note

    def __call__(self, x):
      self.note(1)
      return self.head(self.drop(self.norm(x.reshape(len(x), -1))))

  return Net
