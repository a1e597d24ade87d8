"""Datasets: how examples are stored, and how they become part of a batch."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from robust_jax.types import Batch, PyTree

_FIELDS = {"x": "inputs", "y": "labels"}


@dataclasses.dataclass(frozen=True)
class Dataset:
  """Examples of one shape with random access.

  An example is stored on the host in a compact form, such as 8-bit images or
  token ids, and decoded on the device inside the compiled step. Its fields have
  the names of a `Batch`: `x` is the input of a model and `y` the target, if
  there is one; both may be nested pytrees. The name `mask` is reserved for
  padding, which the loader adds.

  Attributes:
    name: name in error messages.
    spec: field -> pytree of `jax.ShapeDtypeStruct`: shapes and dtypes of one
      stored example, without a batch axis.
    num_examples: number of examples.
    read: `(indices int [B]) -> stored examples` in that order: a pytree like
      `spec` of host arrays that lead with B. It must be thread-safe.
    decode: `(stored examples [B, ...]) -> Batch` without a mask. Pure, and
      independent for each example.
    info: facts of the data by the names of model arguments: `num_classes`,
      `class_names`, `vocabulary_size`, ...
    read_training: `(indices, seed) -> stored examples`, like `read`, but with
      random changes on the host, such as crops. Each example is a function of
      its index and of the integers in `seed` alone. None if there are none.
  """

  name: str
  spec: Mapping[str, PyTree]
  num_examples: int
  read: Callable[[np.ndarray], dict[str, PyTree]]
  decode: Callable[[dict[str, PyTree]], Batch] = dict
  info: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  read_training: (
    Callable[[np.ndarray, tuple[int, ...]], dict[str, PyTree]] | None
  ) = None

  def __post_init__(self):
    if not isinstance(self.spec, Mapping) or "mask" in self.spec:
      raise ValueError(
        f"the spec of dataset '{self.name}' is {self.spec}: expected a mapping "
        "from the names of its fields, such as x and y. The name `mask` "
        "is reserved for the loader; put a mask of tokens or boxes beside "
        "them, in a nested field."
      )

  def __len__(self) -> int:
    return self.num_examples

  def field(self, name: str) -> PyTree:
    """Returns the spec of a field.

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
    """Returns an entry of `info`.

    Raises:
      ValueError: there is no such entry.
    """
    if name not in self.info:
      known = ", ".join(self.info) or "nothing"
      raise ValueError(
        f"`{name}` is not known of dataset '{self.name}', whose info has "
        f"{known}. Choose a dataset that provides it."
      )
    return self.info[name]


def from_arrays(
  name: str,
  arrays: Mapping[str, PyTree],
  decode: Callable[[dict[str, PyTree]], Batch] = dict,
  info: Mapping[str, Any] | None = None,
) -> Dataset:
  """Makes a dataset of examples in memory.

  Args:
    name: name in error messages.
    arrays: field -> pytree of arrays that lead with the number of examples.
    decode: see `Dataset`.
    info: see `Dataset`.

  Returns:
    A `Dataset`.

  Raises:
    ValueError: there are no arrays, or their numbers of examples differ.

  Example:
    >>> import numpy as np
    >>> from robust_jax.data.dataset import from_arrays
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
  """Returns shapes and dtypes of a batch of two examples, mask included."""
  rows = lambda leaf: jax.ShapeDtypeStruct((2, *leaf.shape), leaf.dtype)
  batch = jax.eval_shape(dataset.decode, jax.tree.map(rows, dict(dataset.spec)))
  return {**batch, "mask": jax.ShapeDtypeStruct((2,), np.float32)}


def describe(spec: PyTree) -> str:
  """Describes a spec in words, such as "uint8 (28, 28, 1)"."""
  words = jax.tree.map(lambda leaf: f"{leaf.dtype} {leaf.shape}", spec)
  return words if isinstance(words, str) else str(words)


def allocate(spec: PyTree, num_examples: int) -> PyTree:
  """Allocates uninitialized host arrays for `num_examples` stored examples."""
  return jax.tree.map(
    lambda leaf: np.empty((num_examples, *leaf.shape), leaf.dtype), spec
  )
