"""A network of flax.nnx with all that has a state, BatchNorm and dropout."""

from flax import nnx


class _Net(nnx.Module):
  def __init__(self, seed, note):
    rngs = nnx.Rngs(seed)
    self.norm = nnx.BatchNorm(16, rngs=rngs)
    self.drop = nnx.Dropout(0.5, rngs=rngs)
    self.head = nnx.Linear(16, 3, rngs=rngs)
    self.note = note

  def __call__(self, x):
    self.note(1)
    return self.head(self.drop(self.norm(x.reshape(len(x), -1))))


def nnx_net(seed, traces):
  """The network in training mode.

  Args:
    seed: of its parameters.
    traces: gets an entry for each call.
  """
  return _Net(seed, traces.append)
