"""A second set of the variables of BatchNorm, for inputs of another kind.

The set lies beside the variables of a network, under a name that the network
does not know: of "params" the scales and offsets of its BatchNorm layers, of
"batch_stats" their running statistics. `swap` exchanges it with those in its
place, so that any network with BatchNorm computes with either set, and one that
is deployed without it is the network itself.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from robust_jax.types import PyTree

_NAME = "auxiliary_norm"


def add(variables: PyTree) -> PyTree:
  """Adds a second set, a copy of the first, to the variables of a network.

  Args:
    variables: "params" and "batch_stats", as the network's `init` returns them.

  Raises:
    ValueError: the network has no BatchNorm.

  Example:
    >>> import jax, jax.numpy as jnp
    >>> from robust_jax.models import PreActResNet, auxiliary_norm
    >>> init, x = PreActResNet().init, jnp.ones((1, 8, 8, 3))
    >>> variables = jax.eval_shape(init, jax.random.key(0), x)
    >>> both = jax.eval_shape(auxiliary_norm.add, variables)
    >>> auxiliary_norm.remove(both) == variables
    True
  """
  statistics = variables.get("batch_stats")
  if not statistics:
    raise ValueError(
      "auxiliary_norm for a model without BatchNorm, which has no variables to "
      "keep a second set of: choose a model that has it, for example by "
      "model.batch_norm = 'per_device'."
    )
  sets = {
    "params": _of_layers(variables["params"], statistics),
    "batch_stats": statistics,
  }
  # Copies, because the buffers of both are donated to a training step.
  sets = jax.tree.map(jnp.copy, sets)
  return {
    name: {**tree, _NAME: sets[name]} if name in sets else tree
    for name, tree in variables.items()
  }


def remove(variables: PyTree) -> PyTree:
  """The variables of the network alone."""
  return {
    collection: {name: v for name, v in tree.items() if name != _NAME}
    for collection, tree in variables.items()
  }


def swap(tree: PyTree) -> PyTree:
  """Exchanges both sets, in one collection or in each of several."""
  if _NAME in tree:
    other = tree[_NAME]
    return {**_replaced(tree, other), _NAME: _taken(tree, other)}
  return {
    name: swap(part) if isinstance(part, Mapping) else part
    for name, part in tree.items()
  }


def is_in(variables: PyTree) -> bool:
  """Returns whether there is a second set."""
  return any(_NAME in tree for tree in variables.values())


def _of_layers(params: PyTree, statistics: PyTree) -> PyTree:
  """The parameters of the layers that have statistics."""
  return {
    name: _of_layers(params[name], below) if _has_parts(below) else params[name]
    for name, below in statistics.items()
    if name in params
  }


def _has_parts(tree: PyTree) -> bool:
  return any(isinstance(part, Mapping) for part in tree.values())


def _replaced(tree: PyTree, new: PyTree) -> PyTree:
  return {
    **tree,
    **{
      name: _replaced(tree[name], v) if isinstance(v, Mapping) else v
      for name, v in new.items()
    },
  }


def _taken(tree: PyTree, like: PyTree) -> PyTree:
  return {
    name: _taken(tree[name], v) if isinstance(v, Mapping) else tree[name]
    for name, v in like.items()
  }
