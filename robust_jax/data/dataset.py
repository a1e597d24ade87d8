"""A dataset: how an example is stored, and how it becomes part of a batch."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from robust_jax.types import Batch, PyTree

_FIELDS = {"x": "inputs", "y": "labels"}


@dataclasses.dataclass(frozen=True)
class Dataset:
  """Examples of one shape that can be read in any order.

  An example is stored on the host in a compact form, such as 8-bit images or
  token ids, and decoded on the device, inside the compiled step. Its fields
  have the names of a `Batch`: `x` is what a model is given and `y` what it
  should answer, if there is any; either may be a nested pytree. `mask` is
  reserved for padding, which the loader adds.

  Attributes:
    name: what error messages call it.
    spec: field -> pytree of `jax.ShapeDtypeStruct`: shapes and dtypes of one
      stored example, without a batch axis.
    num_examples: how many there are.
    read: `(indices int [B]) -> ` the stored examples in that order: a pytree
      like `spec` of host arrays that lead with B. It may be called from several
      threads at once.
    decode: `(stored, leading with B) -> Batch`, without its mask. Pure, and of
      each example alone.
    info: facts of the data, by the names that models give to their arguments:
      `num_classes`, `class_names`, `vocabulary_size`, ...
  """

  name: str
  spec: Mapping[str, PyTree]
  num_examples: int
  read: Callable[[np.ndarray], dict[str, PyTree]]
  decode: Callable[[dict[str, PyTree]], Batch] = dict
  info: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    if not isinstance(self.spec, Mapping) or "mask" in self.spec:
      raise ValueError(
        f"the spec of dataset '{self.name}' is {self.spec}: expected a mapping "
        "from the names of its fields, such as x and y. `mask` is none of "
        "them: the loader adds it. A mask of tokens or boxes belongs beside "
        "them, in a nested field."
      )

  def __len__(self) -> int:
    return self.num_examples

  def field(self, name: str) -> PyTree:
    """The spec of one field.

    Raises:
      ValueError: the dataset has no such field.
    """
    if name not in self.spec:
      what = f"{_FIELDS[name]} " if name in _FIELDS else "field "
      raise ValueError(
        f"dataset '{self.name}' has no {what}`{name}`: its examples have "
        f"{', '.join(f'`{field}`' for field in self.spec)}. Choose a dataset "
        "that has them."
      )
    return self.spec[name]

  def fact(self, name: str) -> Any:
    """One entry of `info`.

    Raises:
      ValueError: it is not known of this dataset.
    """
    if name not in self.info:
      known = ", ".join(self.info) or "nothing"
      raise ValueError(
        f"`{name}` is not known of dataset '{self.name}', whose info says "
        f"{known}. Choose a dataset of which it is known."
      )
    return self.info[name]


def from_arrays(
  name: str,
  arrays: Mapping[str, PyTree],
  decode: Callable[[dict[str, PyTree]], Batch] = dict,
  info: Mapping[str, Any] | None = None,
) -> Dataset:
  """A dataset of examples that are in memory.

  Args:
    name: what error messages call it.
    arrays: field -> pytree of arrays that lead with the number of examples.
    decode: as `Dataset` takes it.
    info: as `Dataset` takes it.

  Raises:
    ValueError: there are no arrays, or their numbers of examples differ.

  Example:
    >>> import numpy as np
    >>> tokens = np.array([[4, 7, 2, 0], [4, 9, 0, 0]], np.int32)
    >>> dataset = from_arrays(
    ...   "two sentences",
    ...   {"x": {"tokens": tokens, "mask": tokens > 0}, "y": np.array([1, 0])},
    ...   info={"num_classes": 2, "vocabulary_size": 10},
    ... )
    >>> dataset.spec["x"]["tokens"]
    ShapeDtypeStruct(shape=(4,), dtype=int32)
  """
  lengths = {leaf.shape[:1] for leaf in jax.tree.leaves(arrays)}
  if len(lengths) != 1 or () in lengths:
    shapes = jax.tree.map(np.shape, dict(arrays))
    raise ValueError(
      f"arrays of dataset '{name}' have the shapes {shapes}: expected all of "
      "them to lead with one number of examples."
    )
  ((num_examples,),) = lengths
  return Dataset(
    name,
    jax.tree.map(
      lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype), dict(arrays)
    ),
    num_examples,
    lambda indices: jax.tree.map(lambda a: a[indices], dict(arrays)),
    decode,
    info or {},
  )


def spec_of_batch(dataset: Dataset) -> dict[str, PyTree]:
  """Shapes and dtypes of a batch of two examples, mask included."""
  rows = lambda leaf: jax.ShapeDtypeStruct((2, *leaf.shape), leaf.dtype)
  batch = jax.eval_shape(dataset.decode, jax.tree.map(rows, dict(dataset.spec)))
  return {**batch, "mask": jax.ShapeDtypeStruct((2,), np.float32)}


def describe(spec: PyTree) -> str:
  """A spec in words, such as "uint8 (28, 28, 1)"."""
  words = jax.tree.map(lambda leaf: f"{leaf.dtype} {leaf.shape}", spec)
  return words if isinstance(words, str) else str(words)


def allocate(spec: PyTree, num_examples: int) -> PyTree:
  """Uninitialized host arrays for so many stored examples."""
  return jax.tree.map(
    lambda leaf: np.empty((num_examples, *leaf.shape), leaf.dtype), spec
  )
