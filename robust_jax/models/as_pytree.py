"""Any model as a pytree of its arrays, an argument of compiled programs."""

import dataclasses
from collections.abc import Hashable

import jax

from robust_jax import bounded_jit
from robust_jax.types import Array, Model, PyTree


def as_pytree(model: Model) -> Model:
  """The model as an argument that jit takes: its arrays are traced.

  A `jax.tree_util.Partial`, such as `inference_fn` makes, and other callable
  pytrees of arrays stay what they are. Leaves that are no arrays, such as the
  activation of a module of Equinox, or a function that is no pytree at all,
  become part of the program.
  """
  leaves, treedef = jax.tree.flatten(model)
  parts = {
    i: v for i, v in enumerate(leaves) if not isinstance(v, bounded_jit.TRACED)
  }
  if not parts:
    return model
  if jax.tree_util.all_leaves([model]):
    return jax.tree_util.Partial(model)
  arrays = [v for i, v in enumerate(leaves) if i not in parts]
  call = _CallWith(treedef, tuple(parts.items()))
  return jax.tree_util.Partial(call, arrays)


@dataclasses.dataclass(frozen=True)
class _CallWith:
  """Calls a pytree of arrays and other leaves, equal where the latter are."""

  treedef: PyTree
  parts: tuple[tuple[int, Hashable], ...]

  def __call__(self, arrays: list[Array], *inputs: PyTree) -> PyTree:
    leaves: list[PyTree] = list(arrays)
    for place, leaf in self.parts:  # in order, so that later places are right
      leaves.insert(place, leaf)
    return self.treedef.unflatten(leaves)(*inputs)
